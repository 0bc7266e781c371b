import type { EventStarts } from "../../../src/schedulers/cronicle/starts.ts";
import { wallMinutes } from "../../cron/daemon.ts";

const MINUTE = 60_000;

/**
 * The minutes at which Cronicle starts events, by its own rule: every list that a timing has, and that is not
 * empty, must hold what the clocks of the event's zone show.
 *
 * @returns the instants in order; an instant at which several events start occurs as often
 */
export function cronicleStarts(
  events: readonly Pick<EventStarts, "timing" | "timezone">[],
  { from, to }: { readonly from: number; readonly to: number },
): readonly number[] {
  const starts: number[] = [];
  for (let at = from; at < to; at += MINUTE) {
    for (const { timing, timezone } of events) {
      const date = new Date((wallsIn(timezone, from, to).get(at) ?? Number.NaN) * MINUTE);
      const has = (values: readonly number[] | undefined, value: number): boolean =>
        values === undefined || values.length === 0 || values.includes(value);
      if (
        has(timing.minutes, date.getUTCMinutes()) &&
        has(timing.hours, date.getUTCHours()) &&
        has(timing.days, date.getUTCDate()) &&
        has(timing.months, date.getUTCMonth() + 1) &&
        has(timing.weekdays, date.getUTCDay())
      )
        starts.push(at);
    }
  }
  return starts;
}

const walls = new Map<string, ReadonlyMap<number, number>>();

function wallsIn(zone: string, from: number, to: number): ReadonlyMap<number, number> {
  const key = `${zone} ${from} ${to}`;
  const known = walls.get(key) ?? wallMinutes(zone, from, to);
  walls.set(key, known);
  return known;
}
