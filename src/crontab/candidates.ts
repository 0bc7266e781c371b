import type { Cron } from "../cron/expression.ts";
import type { ZoneClock } from "../cron/segment.ts";
import type { Horizon } from "../cron/zone-table.ts";
import { MINUTE_MS } from "../time-units.ts";

const HOUR_MINUTES = 60;
const DAY_MINUTES = 1440;
/** A step of the clock up to so many minutes is made up by cron for fixed lines; up to the smaller for all. */
const MADE_UP = 180;
const LATE = 5;

/** The two zones: the one that the crons are meant in, and the one that cron goes by. */
export interface ZonePair {
  readonly own: ZoneClock;
  readonly machine: ZoneClock;
}

/**
 * The time fields of lines by which a cron in the machine's zone starts an entry whenever it is due in its own, and
 * sometimes when it is not: the run decides.
 *
 * Day, month and weekday stay open, as a day there is not a day here. Every line is of the wildcard class, its minute or
 * hour beginning with a star: the machine's own clock changes would move a fixed line, or eat it.
 */
export function candidateTimes(crons: readonly Cron[], zones: ZonePair, horizon: Horizon): readonly string[] {
  const wanted = new Set<number>();
  for (const cron of crons) for (const minute of machineMinutes(cron, zones, horizon)) wanted.add(minute);
  const hoursOf = new Map<string, number[]>();
  for (let hour = 0; hour < 24; hour++) {
    const minutes = Array.from({ length: HOUR_MINUTES }, (_, minute) => minute).filter((minute) =>
      wanted.has(hour * HOUR_MINUTES + minute),
    );
    if (minutes.length === 0) continue;
    const field = renderMinutes(minutes);
    hoursOf.set(field, [...(hoursOf.get(field) ?? []), hour]);
  }
  return [...hoursOf].map(([minutes, hours]) => `${minutes} ${renderHours(hours, minutes)} * * *`);
}

/** Each minute of the machine's day at which the cron may be due. */
function* machineMinutes(cron: Cron, zones: ZonePair, horizon: Horizon): Generator<number, void> {
  const times = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * HOUR_MINUTES + minute));
  const distances = new Set<number>();
  let before: number | undefined;
  for (const { at, own, machine } of offsets(zones, horizon)) {
    distances.add(Math.ceil((machine - own) / MINUTE_MS));
    const step = before === undefined ? 0 : (own - before) / MINUTE_MS;
    // What the zone's clock skips is made up when it lands.
    if (before !== undefined && step > 0 && step <= (cron.class === "fixed" ? MADE_UP : LATE)) {
      const from = Math.floor((at + before) / MINUTE_MS);
      const isSkipped = (time: number): boolean => inDay(time - from) < step;
      if (times.some(isSkipped)) yield inDay(Math.ceil((at + machine) / MINUTE_MS));
    }
    before = own;
  }
  for (const distance of distances) for (const time of times) yield inDay(time + distance);
}

/** Both offsets at the beginning, and wherever one of them may change. */
function* offsets({ own, machine }: ZonePair, { from, to }: Horizon) {
  for (let at = from; at < to; ) {
    const [ours, theirs] = [own.segmentAt(at), machine.segmentAt(at)];
    yield { at, own: ours.offset, machine: theirs.offset };
    at = Math.min(ours.endAt, theirs.endAt);
  }
}

const inDay = (minute: number): number => ((minute % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;

/** As a step where that says the same, else every one. */
function renderMinutes(minutes: readonly number[]): string {
  if (minutes.length === HOUR_MINUTES) return "*";
  const [first, step = HOUR_MINUTES] = minutes;
  const even = Math.ceil(HOUR_MINUTES / step) === minutes.length && minutes.every((one, index) => one === index * step);
  return first === 0 && even && minutes.length > 1 ? `*/${step}` : minutes.join(",");
}

/** Begins with a star unless the minutes do. */
function renderHours(hours: readonly number[], minutes: string): string {
  if (hours.length === 24) return "*";
  if (minutes.startsWith("*")) return hours.join(",");
  // Only 0 and 23: a step of 24 would be 0 alone, but cronie 1.5 refuses it.
  return ["*/23", ...hours.filter((hour) => hour !== 0 && hour !== 23)].join(",");
}
