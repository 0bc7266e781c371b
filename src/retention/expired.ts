import { relative } from "node:path";
import { errorCode, errorMessage } from "../errors.ts";
import type { Host } from "../host.ts";
import type { PipelineId } from "../pipeline-id.ts";
import type { KeptTimes } from "../policies.ts";
import { checkDirectory } from "../storage/directory.ts";
import { lstat, readdir } from "../storage/fs.ts";
import type { StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";

/** A file that has expired. */
export interface ExpiredFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
}

/** The expired files of one directory. */
export interface Expired {
  readonly kind: "logs" | "history" | "tmp" | "pipelinewise_logs";
  /** Absolute. */
  readonly directory: string;
  readonly files: readonly ExpiredFile[];
  /** Whether the directory is removed too if nothing is left in it. */
  readonly isWhole?: true;
  /** The pipeline whose lock is held while the files are removed. Absent: no lock is needed. */
  readonly lockedBy?: PipelineId;
}

/** The input of a search for expired files. */
export interface ExpiryContext {
  readonly host: Host;
  readonly paths: StatePaths;
  readonly retention: KeptTimes;
  readonly at: Date;
  /** Called with the reason why a directory is left out. The search goes on. */
  readonly onFault: (fault: string) => void;
  /** Called with the reason why files stay until another day. */
  readonly onPostponed: (reason: string) => void;
}

/** A search yields one directory at a time, so that the files of only one are in memory. */
export type FindExpired = (context: ExpiryContext) => AsyncGenerator<Expired, void>;

/** Number of files after which timers and other events are handled, because calls to a local disk are synchronous. */
const BATCH = 200;

/** Calls a function for each item, one after the other. In between, this process can still write its heartbeat. */
export async function forEachFile<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % BATCH === 0) await new Promise((resolve) => setImmediate(resolve));
    await act(item);
  }
}

/**
 * The names in a directory below `.sched`, sorted; none if it does not exist.
 *
 * @throws StoreError if it is a link, or is not this user's
 */
export async function namesIn({ paths, host }: ExpiryContext, directory: string): Promise<readonly string[]> {
  await checkDirectory(paths, directory, host.uid);
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw ioError("read", directory, error);
  }
}

/** Calls a function that uses a directory. If it fails, the error is reported and the directory is left out. */
export async function attempt<T>(
  { onFault, paths }: ExpiryContext,
  directory: string,
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    onFault(`${relative(paths.configDir, directory)}: ${errorMessage(error)}`);
    return undefined;
  }
}

/** A regular file as it is now; `undefined` if it is something else, or gone. */
export async function findFile(path: string): Promise<(ExpiredFile & { readonly writtenMs: number }) | undefined> {
  try {
    const found = await lstat(path);
    return found.isFile() ? { path, bytes: found.size, writtenMs: found.mtimeMs } : undefined;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw ioError("check", path, error);
  }
}
