import { parseCron } from "../cron/expression.ts";
import { nextRuns } from "../cron/run-times.ts";
import type { StoredEntry } from "../installed/schedule.ts";
import { overlaps, type PipelineId } from "../pipeline-id.ts";
import type { Pauses, ScopedPause } from "../run/policies/pauses.ts";

/** Whether the schedule file pauses an entry. */
export const isDisabled = ({ policies }: Pick<StoredEntry, "policies">): boolean => policies?.enabled === false;

/** The pauses that cover a pipeline. */
export const pausesOf = (pauses: readonly ScopedPause[], pipeline: PipelineId): readonly ScopedPause[] =>
  pauses.filter(({ scope }) => overlaps(scope, pipeline));

/**
 * The time after which an entry may start: now, or the last millisecond of its pauses; `undefined` if no end is known.
 *
 * @param pauses of all pipelines
 */
export function startsAfter(entry: StoredEntry, { active, faults }: Pauses, now: Date): Date | undefined {
  if (isDisabled(entry) || faults.some(({ scope }) => overlaps(scope, entry))) return undefined;
  const ends = pausesOf(active, entry).map(({ until }) => (until === undefined ? Number.NaN : until.getTime() - 1));
  const last = Math.max(now.getTime(), ...ends);
  return Number.isNaN(last) ? undefined : new Date(last);
}

/**
 * The next time at which an entry is due.
 *
 * @param context.machineZone zone of entries without a time zone
 */
export function nextDue(
  entry: StoredEntry,
  { after, machineZone }: { readonly after: Date; readonly machineZone: string },
): Date | undefined {
  const zone = entry.timezone ?? machineZone;
  const times = entry.crons.flatMap((text) => nextRuns(parseCron(text), { zone, after, count: 1 }));
  return times.sort((one, other) => one.getTime() - other.getTime())[0];
}
