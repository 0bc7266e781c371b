import { SchedError } from "../../errors.ts";
import { findFreshness } from "../../history/freshness.ts";
import { entryLabel, type LockId, lockOf } from "../../pipeline-id.ts";
import type { StatePaths } from "../../storage/paths.ts";
import type { PipelineState, ScheduledEntry } from "./rows.ts";

/** Adds to each entry how old its newest success is. An entry for which that cannot be read stays without it. */
export async function addFreshness(
  entries: readonly ScheduledEntry[],
  {
    paths,
    stateOf,
    now,
  }: { readonly paths: StatePaths; readonly stateOf: (lock: LockId) => PipelineState; readonly now: Date },
) {
  const faults: string[] = [];
  const added = entries.map(async (one): Promise<ScheduledEntry> => {
    const { entry, installedAt } = one;
    const { last } = stateOf(lockOf(entry));
    try {
      return { ...one, freshness: await findFreshness(entry, { paths, last, installedAt, now }) };
    } catch (error) {
      if (!(error instanceof SchedError)) throw error;
      faults.push(`cannot check whether ${entryLabel(entry)} is late: ${error.message}`);
      return one;
    }
  });
  return { entries: await Promise.all(added), faults };
}
