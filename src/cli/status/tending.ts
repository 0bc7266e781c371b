import { schedulersOf } from "../../installed/schedule.ts";
import type { InstalledSchedule } from "../../installed/store.ts";
import { needsTend } from "../../installed/tend-needs.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { readTended, type Tended } from "../../tend/tended.ts";
import { renderInstant } from "../../text/format-time.ts";
import { MINUTE_MS } from "../../time-units.ts";

/** The last `tend` of a schedule that needs it. */
export interface Tending {
  readonly schedule: string;
  /** `undefined` if it has never ended. */
  readonly last: Tended | undefined;
  /** Whether a scheduler of this host should have started it since, more than once. */
  readonly isOverdue: boolean;
  /** Path of the schedule file. */
  readonly file: string;
}

/** `tend` is due every five minutes, and may take a few. */
const LONGEST_MS = 15 * MINUTE_MS;

/** Reads the last `tend` of each schedule that needs it. */
export async function readTending(
  installed: readonly InstalledSchedule[],
  { paths, now }: { readonly paths: StatePaths; readonly now: Date },
): Promise<readonly Tending[]> {
  const tended = installed.filter(({ storedSchedule }) => needsTend(storedSchedule));
  return Promise.all(
    tended.map(async ({ storedSchedule: schedule, host }): Promise<Tending> => {
      const last = await readTended({ paths, schedule });
      const isScheduled = host !== undefined && schedulersOf(host).length > 0;
      const sinceMs = Math.max(last?.slot.getTime() ?? 0, Date.parse(host?.installedAt ?? "0"));
      const isOverdue = isScheduled && now.getTime() - sinceMs > LONGEST_MS;
      return { schedule: schedule.name, last, isOverdue, file: schedule.source.path };
    }),
  );
}

/** Sentences for `status` about a `tend` that does not run, or whose parts fail. */
export function tendWarnings({ schedule, last, isOverdue, file }: Tending): readonly string[] {
  const since = last === undefined ? "has never run" : `has not run since ${renderInstant(last.slot)}`;
  const overdue = `tend of schedule ${schedule} ${since}, so lost and late pipelines are not noticed. Check that the scheduler is running and starts it: pipelinewise-sched diff ${file}`;
  const faults = Object.entries(last?.faults ?? {}).map(
    ([part, fault]) =>
      `tend of schedule ${schedule}: its part "${part}" has failed since ${renderInstant(fault.since)}: ${fault.message}`,
  );
  return [...(isOverdue ? [overdue] : []), ...faults];
}

/** The last `tend` as JSON. */
export const tendJson = ({ schedule, last, isOverdue }: Tending) => ({
  schedule,
  slot: last?.slot.toISOString() ?? null,
  host: last?.host ?? null,
  overdue: isOverdue,
  faults: Object.entries(last?.faults ?? {}).map(([part, { message, since }]) => ({ part, message, since })),
});
