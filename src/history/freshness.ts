import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { DEFAULT_COMMAND, type EntryId, entryKey, type PipelineId } from "../pipeline-id.ts";
import type { Policies } from "../policies.ts";
import { readdir } from "../storage/fs.ts";
import { type StatePaths, tapDirectory } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { newestSuccess, parsePipelineWiseLog } from "./pipelinewise-log.ts";
import { type LastRuns, successKey } from "./store.ts";

/** How old the newest success of an entry is. */
export interface Freshness {
  /** The newest success that is known; `undefined` if there was none. */
  readonly succeededAt: Date | undefined;
  /** By how many milliseconds the entry is late; 0 if it is not. */
  readonly lateMs: number;
}

/** The parts of a stored entry that decide whether it is late. */
type FreshEntry = EntryId & { readonly policies?: Policies | undefined; readonly since?: string | undefined };

interface FreshnessOptions {
  readonly paths: StatePaths;
  /** The newest runs under the lock of the entry. */
  readonly last: Pick<LastRuns, "runs">;
  /** When the schedule was installed, ISO 8601 UTC: used for an entry that never succeeded and has no `since`. */
  readonly installedAt: string | undefined;
  readonly now: Date;
}

/**
 * Finds how old the newest success of an entry is: the end of a run in our history or, for `run_tap`, the beginning of a
 * run in PipelineWise's own logs. Those logs are read only if the entry is late by the history, because a directory may
 * hold 100,000 of them. An entry that never succeeded counts from its installation.
 *
 * @returns `undefined` if the entry has no `fresh_within`, or if it never succeeded and its installation is not known
 * @throws StoreError if PipelineWise's logs cannot be read
 */
export async function findFreshness(
  entry: FreshEntry,
  { paths, last, installedAt, now }: FreshnessOptions,
): Promise<Freshness | undefined> {
  const freshWithinMs = entry.policies?.freshWithinMs;
  if (freshWithinMs === undefined) return undefined;
  const lateBy = (at: number): number => Math.max(0, now.getTime() - at - freshWithinMs);
  const key = entryKey(entry);
  const run = last.runs.get(key);
  const success = run?.outcome === "succeeded" ? run : last.runs.get(successKey(key));
  let newest = success === undefined ? undefined : Date.parse(success.endedAt);
  if (entry.command === DEFAULT_COMMAND && (newest === undefined || lateBy(newest) > 0)) {
    const logged = await newestSuccessLog(paths, entry);
    if (logged !== undefined) newest = Math.max(logged, newest ?? logged);
  }
  if (newest !== undefined) return { succeededAt: new Date(newest), lateMs: lateBy(newest) };
  const since = entry.since ?? installedAt;
  return since === undefined ? undefined : { succeededAt: undefined, lateMs: lateBy(Date.parse(since)) };
}

/** When the newest run began that succeeded according to PipelineWise's logs, in epoch milliseconds. */
async function newestSuccessLog(paths: StatePaths, pipeline: PipelineId): Promise<number | undefined> {
  const names = await namesOf(join(tapDirectory(paths, pipeline), "log"));
  return newestSuccess(names.flatMap((name) => parsePipelineWiseLog(name, pipeline) ?? []));
}

async function namesOf(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw ioError("read", directory, error);
  }
}
