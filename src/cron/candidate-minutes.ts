import type { Cron } from "./expression.ts";
import type { ZoneClock } from "./segment.ts";
import { MINUTE_MS } from "./stretches.ts";
import type { Horizon } from "./zone-table.ts";

const HOUR_MINUTES = 60;
const DAY_MINUTES = 1440;
/** A step of the clock up to so many minutes is made up by cron for fixed lines; up to the smaller for all. */
const MADE_UP = 180;
const LATE = 5;

/** The two zones: the one that the crons are meant in, and the one that the scheduler goes by. */
export interface ZonePair {
  readonly own: ZoneClock;
  readonly machine: ZoneClock;
}

/**
 * Each minute of a day in the scheduler's zone at which one of the crons may be due in its own; a minute may come twice.
 * On most days it is not due at some of them: the run decides.
 */
export function* candidateMinutes(crons: readonly Cron[], zones: ZonePair, horizon: Horizon): Generator<number, void> {
  for (const cron of crons) yield* minutesOf(cron, zones, horizon);
}

function* minutesOf(cron: Cron, zones: ZonePair, horizon: Horizon): Generator<number, void> {
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
