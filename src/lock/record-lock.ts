import { errorCode } from "../errors.ts";
import { storeFault } from "../store-fault.ts";
import { type AdapterOptions, createAdapter } from "./adapter.ts";
import { lockByLibrary } from "./library.ts";
import type { LockTiming } from "./timing.ts";
import { createWatchdog, GONE } from "./watchdog.ts";

/** The cluster's layer of a lock: our token in the lock folder, and its heartbeat. */
export interface RecordLock {
  readonly token: string;
  /** Resolves once, with why, when the token is known to be no longer ours, or cannot be proved to be. */
  readonly lost: Promise<string>;
  /** Fails with a StoreError where the share refuses it. A token that is not there any more is no failure. */
  release(): Promise<void>;
}

/** One try to put our token into the lock folder. @returns `undefined` when something stands there */
export async function tryRecordLock(
  options: Omit<AdapterOptions, "onGone" | "onBeat">,
  timing: Pick<LockTiming, "heartbeatMs" | "selfFenceMs">,
): Promise<RecordLock | undefined> {
  let sayLost: (why: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    sayLost = resolve;
  });
  const { sinceBootMs } = options;
  const adapter = createAdapter({
    ...options,
    onGone: () => sayLost(GONE),
    onBeat: (at, fault) => (fault === undefined ? watchdog.confirmed(at) : watchdog.refused(fault)),
  });
  const watchdog = createWatchdog({ timing, sinceBootMs, verify: adapter.verify, sayLost });
  try {
    const unlock = await lockByLibrary(options.folder, {
      fs: adapter.fs,
      heartbeatMs: timing.heartbeatMs,
      onCompromised: () => sayLost(GONE),
    });
    const token = adapter.token();
    if (token === undefined) throw new Error("the library holds a lock that has no token");
    const timer = setInterval(watchdog.look, watchdog.pollMs).unref();
    const release = async () => {
      clearInterval(timer);
      await unlock().catch((error: unknown) => {
        // The library has let go of a lock that it found lost.
        if (errorCode(error) !== "ERELEASED") throw storeFault("release the lock", options.folder, error);
      });
    };
    return { token, lost, release };
  } catch (error) {
    if (errorCode(error) === "ELOCKED") return undefined;
    throw error;
  }
}
