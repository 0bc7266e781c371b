import { DAY_MS } from "../time-units.ts";
import type { ClockHandling } from "./clock-handling.ts";
import type { Cron } from "./expression.ts";
import { startsByClock } from "./occurrences.ts";
import { zoneClock } from "./zone-clock.ts";

/** A zone, and the instants between which starts are asked for: epoch milliseconds, `to` exclusive. */
export interface Span {
  readonly zone: string;
  readonly from: number;
  readonly to: number;
}

/**
 * The instants at which Debian's cron starts a line on a machine in the zone, in order. An instant appears once for
 * each start: cron runs the fixed lines that a clock change skipped together.
 *
 * @param handling how another daemon handles clock changes
 */
export const startTimes = (cron: Cron, { zone, from, to }: Span, handling?: ClockHandling): Generator<number, void> =>
  startsByClock(cron, zoneClock(zone), { from, to }, handling);

/**
 * The instants at which a cron is due, in order. A minute that cron would start twice is one run.
 *
 * @param handling another daemon's way with clock changes; Debian cron's where nothing is said
 */
export function* runTimes(cron: Cron, span: Span, handling: ClockHandling = cron.class): Generator<number, void> {
  let last: number | undefined;
  for (const at of startTimes(cron, span, handling)) {
    if (at !== last) yield at;
    last = at;
  }
}

/**
 * The next runs of a cron, soonest first.
 *
 * @param options.after exclusive
 * @param options.zone IANA name known to this Node, such as "Europe/London"
 * @returns at most `count`; fewer when the calendar ends (with the year 9999)
 */
export function nextRuns(
  cron: Cron,
  { zone, after, count }: { readonly zone: string; readonly after: Date; readonly count: number },
): readonly Date[] {
  const runs: Date[] = [];
  if (count <= 0) return runs;
  for (const at of runTimes(cron, { zone, from: after.getTime() + 1, to: Number.POSITIVE_INFINITY })) {
    runs.push(new Date(at));
    if (runs.length >= count) break;
  }
  return runs;
}

/**
 * The instants of a day by a zone's own clocks; `to` exclusive. 23 or 25 hours long where the clocks change, and empty
 * where the zone left the day out.
 *
 * @param date `2026-10-25`, a date that the calendar has
 */
export function localDay(date: string, zone: string): { readonly from: number; readonly to: number } {
  const midnight = Date.parse(`${date}T00:00Z`);
  return { from: firstInstant(midnight, zone), to: firstInstant(midnight + DAY_MS, zone) };
}

/** When a zone's clocks first show `wall` or later. */
function firstInstant(wall: number, zone: string): number {
  const clock = zoneClock(zone);
  let segment = clock.segmentAt(wall - 2 * DAY_MS);
  while (wall - segment.offset >= segment.endAt) segment = clock.segmentAt(segment.endAt);
  return Math.max(segment.startAt, wall - segment.offset);
}
