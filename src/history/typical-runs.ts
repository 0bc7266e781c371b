import { entryPath } from "../pipeline-id.ts";
import type { StatePaths } from "../storage/paths.ts";
import { readHistory } from "./read.ts";
import { entryOf } from "./store.ts";

/** Number of records from which typical durations are computed. */
const NEWEST = 2_000;

/** The median duration of the runs of each entry that succeeded lately, in milliseconds, by `entryPath`. */
export async function findTypicalRuns(paths: StatePaths): Promise<ReadonlyMap<string, number>> {
  const { runs } = await readHistory(paths, { limit: NEWEST });
  const durations = new Map<string, number[]>();
  for (const run of runs) {
    if (run.outcome !== "succeeded") continue;
    const path = entryPath(entryOf(run));
    durations.set(path, [...(durations.get(path) ?? []), Date.parse(run.endedAt) - Date.parse(run.startedAt)]);
  }
  return new Map([...durations].map(([path, all]) => [path, medianOf(all)]));
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
