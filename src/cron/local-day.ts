import { DAY_MS } from "../time-units.ts";
import { zoneClock } from "./zone-clock.ts";

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
