import { errorCode } from "../errors.ts";
import type { LockId } from "../pipeline-id.ts";
import { flockFile, lockDirectory, type StatePaths } from "../storage/paths.ts";
import { isProcessRunning } from "../system/proc.ts";
import { LOCK_OPTIONS, type LockOptions } from "./acquire.ts";
import { waitForFlock } from "./flock.ts";
import type { ReleaseWait } from "./lock.ts";
import { type LockFs, readLockDirectory } from "./lock-directory.ts";
import { isFromHere, parseToken, tokenFileName } from "./owner-record.ts";

/** Pause between two looks at the owner record of another host. */
const REMOTE_POLL_MS = 10_000;
/** The same for a holder on this host whose end the kernel lock does not show. */
const LOCAL_POLL_MS = 1_000;
/** After this time without a heartbeat the holder may be dead. `acquire` finds that out. */
const SILENT_MS = 35_000;

interface Beat {
  readonly token: string;
  /** Time of the last heartbeat, by the file server's clock. */
  readonly atMs: number;
}

/** The last heartbeat of a lock's holder; `undefined` if there is no owner record. */
async function readBeat(files: LockFs, directory: string): Promise<Beat | undefined> {
  const found = await readLockDirectory(files, directory);
  const [token] = found.kind === "tokens" ? found.tokens : [];
  if (token === undefined) return undefined;
  try {
    return { token, atMs: (await files.times(`${directory}/${tokenFileName(token)}`)).ctimeMs };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** A holder as this host sees it: its process runs here, has ended here, or cannot be seen. */
function locate({ token }: Beat): "running" | "ended" | "elsewhere" {
  const owner = parseToken(token);
  if (owner === undefined || !isFromHere(owner)) return "elsewhere";
  return isProcessRunning(owner.pid, owner.startTicks) ? "running" : "ended";
}

/**
 * Waits until a lock that is held may be free; `acquire` then decides.
 *
 * For a run on this host, a process of flock(1) waits for the kernel lock. So this process sleeps until the run has
 * ended in any way. The owner record of a holder on another host is read every 10 seconds.
 */
export async function waitForRelease(
  paths: StatePaths,
  pipeline: LockId,
  { over, endWithParent }: ReleaseWait,
  options: Partial<LockOptions> = {},
): Promise<void> {
  const { files, clock, flockProgram } = { ...LOCK_OPTIONS, ...options };
  const directory = lockDirectory(paths, pipeline);
  let isOver = false;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = () => {
      isOver = true;
      resolve();
    };
  });
  void over.then(finish);

  const waitForKernel = () =>
    waitForFlock(flockFile(paths, pipeline), { program: flockProgram, prefix: endWithParent, over: finished });

  /**
   * Waits until the owner record is gone, or its holder has another token, has ended here or is silent for some time.
   */
  const waitForRecord = async (first: Beat | undefined, pollMs: number): Promise<void> => {
    let last = first;
    let changedAt = clock.sinceBootMs();
    while (!isOver && last !== undefined && clock.sinceBootMs() - changedAt < SILENT_MS) {
      if (last.token !== first?.token || locate(last) === "ended") return;
      await clock.pause(pollMs, finished);
      const now = await readBeat(files, directory);
      if (now?.atMs !== last.atMs) changedAt = clock.sinceBootMs();
      last = now;
    }
  };

  try {
    const first = await readBeat(files, directory);
    const kernel = waitForKernel();
    if (first !== undefined && locate(first) === "elsewhere") {
      // Hosts share the kernel lock on a network file system only. Elsewhere it is free here and shows nothing.
      const record = waitForRecord(first, REMOTE_POLL_MS);
      const released = async () => ((await readBeat(files, directory)) === undefined ? undefined : record);
      await Promise.race([record, kernel.then(released)]);
    } else {
      await kernel;
      // A holder that is still running has no kernel lock.
      await waitForRecord(await readBeat(files, directory), LOCAL_POLL_MS);
    }
  } finally {
    finish();
  }
}
