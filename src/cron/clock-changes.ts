import { HOUR_MS, MINUTE_MS } from "../time-units.ts";
import type { ZoneClock } from "./clock-handling.ts";
import type { Times } from "./expression.ts";
import { startsByClock } from "./occurrences.ts";
import { zoneClock } from "./zone-clock.ts";
import type { Horizon } from "./zone-table.ts";

/** A change of a zone's offset. In milliseconds; the offsets are east of UTC. */
export interface ClockChange {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** The clock changes of a zone in a period, in order. */
export function* clockChanges(clock: ZoneClock, { from, to }: Horizon): Generator<ClockChange, void> {
  let interval = clock.intervalAt(from);
  while (interval.endAt < to) {
    const next = clock.intervalAt(interval.endAt);
    if (next.offset !== interval.offset) yield { at: interval.endAt, before: interval.offset, after: next.offset };
    interval = next;
  }
}

/**
 * How close the times of a cron expression are to the clock changes of its zone:
 * - `none`: no time is skipped or repeated, or within a minute of such a period. Every program that supports the zone
 *   agrees;
 * - `adjacent`: only a minute next to a skipped or repeated period is affected;
 * - `every-hour`: some times are affected, but it is a wildcard expression of every hour and the clock changes by whole
 *   hours. A program that follows local time in both passes starts it in even steps;
 * - `overlapping`: some times are affected, and only cron's own rules say when it runs.
 */
export type DstOverlap = "none" | "adjacent" | "every-hour" | "overlapping";

/** The largest overlap of a cron expression with any clock change within the horizon. */
export function dstOverlap(cron: Times, clock: ZoneClock, { from, to }: Horizon): DstOverlap {
  let overlap: DstOverlap = "none";
  for (const { at, before, after } of clockChanges(clock, { from: from - 1, to })) {
    const [low, high] = [at + Math.min(before, after), at + Math.max(before, after)];
    if (hasTime(cron, { from: low, to: high })) {
      const isEven = cron.class === "wildcard" && cron.hours.length === 24 && (after - before) % HOUR_MS === 0;
      if (!isEven) return "overlapping";
      overlap = "every-hour";
    } else if (overlap === "none" && hasTime(cron, { from: low - MINUTE_MS, to: high + MINUTE_MS }))
      overlap = "adjacent";
  }
  return overlap;
}

/** Whether the cron expression has a time between two local times, which are given as if they were UTC. */
const hasTime = (cron: Times, period: Horizon): boolean =>
  startsByClock(cron, zoneClock("UTC"), { ...period, handling: "each-pass" }).next().done !== true;
