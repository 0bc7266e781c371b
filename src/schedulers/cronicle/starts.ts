import { findInClockChanges } from "../../cron/clock-changes.ts";
import type { Cron } from "../../cron/expression.ts";
import { runTimes } from "../../cron/next-runs.ts";
import { exactSets, utcCandidates } from "../../cron/utc-schedule.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import type { Horizon } from "../../cron/zone-table.ts";
import { MINUTE_MS } from "../../time-units.ts";
import { cronicleZone } from "./time-zones.ts";

/**
 * When Cronicle starts an event, by its own names: each list is all that matches, a list that is absent is "every", and
 * all of them must match, days and weekdays too. Weekdays are 0-6, 0 is Sunday.
 */
export interface CronicleTiming {
  readonly minutes?: readonly number[];
  readonly hours?: readonly number[];
  readonly days?: readonly number[];
  readonly months?: readonly number[];
  readonly weekdays?: readonly number[];
}

/** The lists of a timing, and how many values make each of them "every". */
export const TIMING_LISTS = [
  ["minutes", 60],
  ["hours", 24],
  ["days", 31],
  ["months", 12],
  ["weekdays", 7],
] as const satisfies readonly (readonly [keyof CronicleTiming, number])[];

/** A timing in one form: ascending, each value once, "every" left out. */
export function plainTiming(timing: CronicleTiming): CronicleTiming {
  const lists = TIMING_LISTS.flatMap(([list, all]) => {
    const values = [...new Set(timing[list] ?? [])].sort((a, b) => a - b);
    return values.length === 0 || values.length === all ? [] : [[list, values] as const];
  });
  return Object.fromEntries(lists);
}

/** The starts that one event of a pipeline makes. */
export interface EventStarts {
  readonly timing: CronicleTiming;
  /** IANA name that Cronicle knows. */
  readonly timezone: string;
  /**
   * `times`: the pipeline's own; `landing`: the minute at which clocks that went forward land, where what they skipped is
   * made up; `candidates`: minutes of UTC at which something may be due.
   */
  readonly kind: "times" | "landing" | "candidates";
}

/** A pipeline's times, in the zone that they are meant in. */
export interface ZonedCrons {
  readonly crons: readonly Cron[];
  readonly zone: string;
}

/**
 * By which events Cronicle starts a pipeline whenever it is due; what they start besides, the run turns away.
 *
 * Cronicle goes by each minute's local time: what the clocks skip is lost there, what they show twice is started twice.
 * So a pipeline keeps its zone, has one event more where something is to be made up after a change, and the second start
 * of a repeated minute finds nothing due. Only where Cronicle's zone data know no zone that keeps the same time, it is
 * started by candidates in UTC. No two events start at the same minute, but for those of a clock change.
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
 * The minutes at which skipped times are made up, unless a start falls on them anyway; by month and weekday, as they come
 * each year.
 */
function landings({ crons, zone }: ZonedCrons, horizon: Horizon): readonly CronicleTiming[] {
  const madeUp = crons
    .filter((cron) => cron.class === "fixed")
    .flatMap((cron) => findInClockChanges(cron, zone, horizon))
    .filter(({ happens }) => happens === "made up");
  const found = new Map<string, Required<Pick<CronicleTiming, "minutes" | "hours" | "months" | "weekdays">>>();
  for (const { change } of madeUp) {
    const span = { zone, from: change.at, to: change.at + MINUTE_MS };
    if (crons.some((cron) => !runTimes(cron, span, "each-pass").next().done)) continue;
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

/** Whether the events of a pipeline start it also when nothing is due, so that such a start is nothing to tell. */
export function isLoose({ crons, zone }: ZonedCrons, horizon: Horizon): boolean {
  return (
    eventStarts({ crons, zone }, horizon).some(({ kind }) => kind !== "times") ||
    crons.some((cron) => findInClockChanges(cron, zone, horizon).some(({ happens }) => happens === "once"))
  );
}
