import { errorCode } from "../errors.ts";
import { type AdapterOptions, createAdapter } from "./adapter.ts";
import { lockByLibrary } from "./library.ts";

/** The cluster's layer of a lock: our token in the lock folder, and its heartbeat. */
export interface RecordLock {
  readonly token: string;
  /** Resolves once, with why, when the token is known to be no longer ours. */
  readonly lost: Promise<string>;
  /** Fails with the system's codes. After a loss nothing is touched. */
  release(): Promise<void>;
}

const GONE = "its record is gone: someone removed it, or another run took the lock over";
const TOUCHED = "its record was changed by someone else";

/** One try to put our token into the lock folder. @returns `undefined` when something stands there */
export async function tryRecordLock(
  options: Omit<AdapterOptions, "onGone">,
  heartbeatMs: number,
): Promise<RecordLock | undefined> {
  let sayLost: (why: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    sayLost = resolve;
  });
  const adapter = createAdapter({ ...options, onGone: () => sayLost(GONE) });
  try {
    const unlock = await lockByLibrary(options.folder, {
      fs: adapter.fs,
      heartbeatMs,
      onCompromised: (error) => sayLost(error.message.includes("threshold") ? TOUCHED : GONE),
    });
    const token = adapter.token();
    if (token === undefined) throw new Error("the library holds a lock that has no token");
    return { token, lost, release: () => unlock().catch(unlessReleased) };
  } catch (error) {
    if (errorCode(error) === "ELOCKED") return undefined;
    throw error;
  }
}

/** The library has let go of a lock that it found lost. */
function unlessReleased(error: unknown): void {
  if (errorCode(error) !== "ERELEASED") throw error;
}
