import { lock } from "proper-lockfile";
import type { LibraryFs } from "./adapter.ts";

/**
 * The one door to proper-lockfile, apart, so that only a run that takes a lock loads it. It listens to signals from then
 * on, to free its locks at exit; the adapter's `rmdirSync` keeps it from that.
 *
 * @returns gives the lock back; both fail with the library's codes: ELOCKED, ERELEASED, or the system's
 */
export function lockByLibrary(
  folder: string,
  options: { fs: LibraryFs; heartbeatMs: number; onCompromised: (error: Error) => void },
): Promise<() => Promise<void>> {
  return lock(folder, {
    fs: options.fs,
    lockfilePath: folder,
    realpath: false,
    retries: 0,
    // Who is dead is proved by us, never guessed from an age.
    stale: Number.POSITIVE_INFINITY,
    update: options.heartbeatMs,
    onCompromised: options.onCompromised,
  });
}
