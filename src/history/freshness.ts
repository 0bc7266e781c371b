import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { DEFAULT_COMMAND, type EntryId, entryKey, type PipelineId } from "../pipeline-id.ts";
import type { Policies } from "../policies.ts";
import { readdir } from "../storage/fs.ts";
import type { StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
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

/** `<target>-<tap>-<YYYYmmdd_HHMMSS>.<kind>.log.<state>`: a log of PipelineWise. A run may have one of each kind. */
const LOG = /^(.*)-(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)\.([a-z_]+)\.log\.(running|success|failed|terminated)$/;
/** Kinds of logs that `run_tap` does not write. */
const OTHER_KINDS = /^(partial_?sync|data_?diff.*)$/;

/** When the newest run began that succeeded according to PipelineWise's logs, in epoch milliseconds. */
async function newestSuccessLog({ configDir }: StatePaths, { tap, target }: PipelineId): Promise<number | undefined> {
  const directory = join(configDir, target, tap, "log");
  /** By its beginning, whether all logs of a run have succeeded. One `run_tap` may write two. */
  const runs = new Map<number, boolean>();
  for (const name of await namesOf(directory)) {
    const [, prefix, year, month, day, hour, minute, second, kind = "", state] = LOG.exec(name) ?? [];
    if (prefix !== `${target}-${tap}` || OTHER_KINDS.test(kind)) continue;
    const at = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
    runs.set(at, (runs.get(at) ?? true) && state === "success");
  }
  let newest: number | undefined;
  for (const [at, succeeded] of runs) if (succeeded && at > (newest ?? Number.NEGATIVE_INFINITY)) newest = at;
  return newest;
}

async function namesOf(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw ioError("read", directory, error);
  }
}
