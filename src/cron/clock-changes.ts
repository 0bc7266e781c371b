import { HOUR_MS, MINUTE_MS } from "../time-units.ts";
import type { ZoneClock } from "./clock-handling.ts";
import type { Cron, Times } from "./expression.ts";
import { runTimes } from "./next-runs.ts";
import { startsByClock } from "./occurrences.ts";
import { zoneClock } from "./zone-clock.ts";
import type { Horizon } from "./zone-table.ts";

/** A step of a zone's clocks. Milliseconds; offsets are east of UTC. */
export interface ClockChange {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** The steps of a zone's clocks between two instants, in order; `to` exclusive. */
export function* clockChanges(clock: ZoneClock, from: number, to: number): Generator<ClockChange, void> {
  let segment = clock.segmentAt(from);
  while (segment.endAt < to) {
    const next = clock.segmentAt(segment.endAt);
    if (next.offset !== segment.offset) yield { at: segment.endAt, before: segment.offset, after: next.offset };
    segment = next;
  }
}

/** cron treats a larger step as a correction of the clock: it neither catches up nor holds back any line. */
const CORRECTION_MS = 180 * MINUTE_MS;
/** cron treats a smaller step as a late wake-up and runs all lines of the skipped minutes. */
const LATE_MS = 5 * MINUTE_MS;

/** Times of a cron expression that a zone's clocks skip or repeat. */
export interface InClockChange {
  readonly change: ClockChange;
  /** Local times, as if they were UTC, in epoch milliseconds. */
  readonly walls: readonly number[];
  readonly happens: "skipped" | "made up" | "once" | "twice";
}

/**
 * Finds the clock changes of a zone that affect a cron expression, and what cron does then.
 *
 * A wildcard expression of every hour is never affected: it continues in even steps, whatever the clocks show.
 */
export function findInClockChanges(
  cron: Cron,
  zone: string,
  { from, to }: { readonly from: number; readonly to: number },
): readonly InClockChange[] {
  if (cron.class === "wildcard" && cron.hours.length === 24) return [];
  return [...clockChanges(zoneClock(zone), from, to)].flatMap((change): readonly InClockChange[] => {
    const { at, before, after } = change;
    const span = { zone: "UTC", from: at + Math.min(before, after), to: at + Math.max(before, after) };
    const walls = [...runTimes(cron, span, "each-pass")];
    return walls.length === 0 ? [] : [{ change, walls, happens: whatHappens(cron, after - before) }];
  });
}

function whatHappens(cron: Cron, step: number): InClockChange["happens"] {
  const isFixed = cron.class === "fixed";
  if (step > 0) return step <= (isFixed ? CORRECTION_MS : LATE_MS) ? "made up" : "skipped";
  return isFixed && -step < CORRECTION_MS ? "once" : "twice";
}

/**
 * How close the times of a cron expression are to the clock changes of its zone:
 * - `apart`: none is skipped or repeated, nor within a minute of such a time; every program that supports the zone
 * agrees;
 * - `edge`: only a minute next to a skipped or repeated period is affected;
 * - `every-hour`: some are affected, but it is a wildcard expression of every hour and the clock changes by whole
 * hours: a program that follows local time in both passes starts it in even steps;
 * - `inside`: some are affected, and only cron's own rules say when it runs.
 */
export type ClockContact = "apart" | "edge" | "every-hour" | "inside";

/** The closest contact between a cron expression and any clock change within the horizon. */
export function clockContact(cron: Times, clock: ZoneClock, { from, to }: Horizon): ClockContact {
  let contact: ClockContact = "apart";
  for (const { at, before, after } of clockChanges(clock, from - 1, to)) {
    const [low, high] = [at + Math.min(before, after), at + Math.max(before, after)];
    if (hasTime(cron, low, high)) {
      const isEven = cron.class === "wildcard" && cron.hours.length === 24 && (after - before) % HOUR_MS === 0;
      if (!isEven) return "inside";
      contact = "every-hour";
    } else if (contact === "apart" && hasTime(cron, low - MINUTE_MS, high + MINUTE_MS)) contact = "edge";
  }
  return contact;
}

/** Whether a clock that shows the minutes between two, as if they were UTC, shows one of the cron's. */
const hasTime = (cron: Times, from: number, to: number): boolean =>
  startsByClock(cron, zoneClock("UTC"), { from, to }, "each-pass").next().done !== true;
