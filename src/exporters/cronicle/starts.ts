import type { Cron } from "../../cron/expression.ts";
import { findInClockChanges } from "../../cron/in-clock-changes.ts";
import { runTimes } from "../../cron/next.ts";
import { exactSets } from "../../cron/time-sets.ts";
import { utcCandidates } from "../../cron/utc-candidates.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import type { Horizon } from "../../cron/zone-table.ts";
import { MINUTE_MS } from "../../time-units.ts";
import { type CronicleTiming, plainTiming } from "./timing.ts";
import { cronicleZone } from "./zones.ts";

/** What one event of a pipeline starts. */
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
