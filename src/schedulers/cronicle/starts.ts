import type { Cron } from "../../cron/expression.ts";
import { findClockChangeEffects } from "../../cron/pitfalls.ts";
import { runTimes } from "../../cron/run-times.ts";
import { exactSets, utcCandidates } from "../../cron/utc-schedule.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import type { Horizon } from "../../cron/zone-table.ts";
import { MINUTE_MS } from "../../time-units.ts";
import { cronicleZone } from "./time-zones.ts";

/**
 * The times of an event, in Cronicle's own terms. A missing list means "every". All lists must match, days and weekdays
 * too. Weekdays are 0-6, and 0 is Sunday.
 */
export interface CronicleTiming {
  readonly minutes?: readonly number[];
  readonly hours?: readonly number[];
  readonly days?: readonly number[];
  readonly months?: readonly number[];
  readonly weekdays?: readonly number[];
}

/** The lists of a timing, and the number of values that means "every". */
export const TIMING_LISTS = [
  ["minutes", 60],
  ["hours", 24],
  ["days", 31],
  ["months", 12],
  ["weekdays", 7],
] as const satisfies readonly (readonly [keyof CronicleTiming, number])[];

/** A timing in its canonical form: ascending, without duplicates, and without lists that mean "every". */
export function plainTiming(timing: CronicleTiming): CronicleTiming {
  const lists = TIMING_LISTS.flatMap(([list, all]) => {
    const values = [...new Set(timing[list] ?? [])].sort((a, b) => a - b);
    return values.length === 0 || values.length === all ? [] : [[list, values] as const];
  });
  return Object.fromEntries(lists);
}

/** The starts by one event of a pipeline. */
export interface EventStarts {
  readonly timing: CronicleTiming;
  /** IANA name of a time zone that Cronicle knows. */
  readonly timezone: string;
  /**
   * `times`: the pipeline's own times; `landing`: the first minute after clocks go forward, when skipped times are caught
   * up; `candidates`: minutes in UTC at which the pipeline may be due.
   */
  readonly kind: "times" | "landing" | "candidates";
}

/** A pipeline's times and their time zone. */
export interface ZonedCrons {
  readonly crons: readonly Cron[];
  readonly zone: string;
}

/**
 * Computes the events by which Cronicle starts a pipeline whenever it is due. The run skips all other starts.
 *
 * Cronicle uses the local time of each minute: it loses skipped times and starts repeated ones twice. So a pipeline keeps its
 * time zone, gets one more event if skipped times must be caught up, and the second start of a repeated minute is not due.
 * If Cronicle's data have no zone with the same time, candidate times in UTC start the pipeline. Two events never start in
 * the same minute, except during a clock change.
 */
export function eventStarts({ crons, zone }: ZonedCrons, horizon: Horizon): readonly EventStarts[] {
  const timezone = cronicleZone(zone);
  if (timezone === undefined) {
    return utcCandidates(crons, zoneClock(zone), horizon).map((set) => ({
      timing: plainTiming(set),
      timezone: "UTC",
      kind: "candidates",
    }));
  }
  return [
    ...exactSets(crons).map((set) => ({ timing: plainTiming(set), timezone, kind: "times" as const })),
    ...landings({ crons, zone }, horizon).map((timing) => ({ timing, timezone, kind: "landing" as const })),
  ];
}

/**
 * The minutes at which skipped times are caught up, unless a start is due at that minute anyway. They are given by month and
 * weekday, because they recur each year.
 */
function landings({ crons, zone }: ZonedCrons, horizon: Horizon): readonly CronicleTiming[] {
  const madeUp = crons
    .filter((cron) => cron.class === "fixed")
    .flatMap((cron) => findClockChangeEffects(cron, zone, horizon))
    .filter(({ effect: happens }) => happens === "made up");
  const found = new Map<string, Required<Pick<CronicleTiming, "minutes" | "hours" | "months" | "weekdays">>>();
  for (const { change } of madeUp) {
    const span = { zone, from: change.at, to: change.at + MINUTE_MS };
    if (crons.some((cron) => !runTimes(cron, { ...span, handling: "each-pass" }).next().done)) continue;
    const wall = new Date(change.at + change.after);
    const [minute, hour] = [wall.getUTCMinutes(), wall.getUTCHours()];
    const before = found.get(`${hour}:${minute}`);
    found.set(`${hour}:${minute}`, {
      minutes: [minute],
      hours: [hour],
      months: [...(before?.months ?? []), wall.getUTCMonth() + 1],
      weekdays: [...(before?.weekdays ?? []), wall.getUTCDay()],
    });
  }
  return [...found.values()].map(plainTiming);
}

/** Whether the events of a pipeline also start it when it is not due, so that such a start is only counted. */
export function mayFireEarly({ crons, zone }: ZonedCrons, horizon: Horizon): boolean {
  return (
    eventStarts({ crons, zone }, horizon).some(({ kind }) => kind !== "times") ||
    crons.some((cron) => findClockChangeEffects(cron, zone, horizon).some(({ effect }) => effect === "once"))
  );
}
