import { DAY_MS, MINUTE_MS } from "../time-units.ts";
import type { CronClass } from "./expression.ts";

/** The ends of what a `Date` can say. */
export const FURTHEST = 8_640_000_000_000_000;

/** A span of time in which a zone keeps one offset. Milliseconds; `endAt` is exclusive. */
export interface Segment {
  readonly startAt: number;
  readonly endAt: number;
  /** East of UTC. Whole seconds: some zones of the past had odd ones. */
  readonly offset: number;
}

/** The clocks of a zone. */
export interface ZoneClock {
  /** The segment around an instant. It may be shorter than the offset lasts; the next one then has the same offset. */
  readonly segmentAt: (at: number) => Segment;
}

/** cron takes a larger step of the clock for a correction, not for a clock change: minutes. */
const CORRECTION = 180;
/** A smaller step forward is a late wake-up: every minute of it is handled in full. */
const LATE = 5;

/**
 * How a daemon follows the clock when it is changed. The two classes are Debian cron's; the rest is what other daemons do
 * with every line (`daemons.ts`):
 * - `each-pass`: a line is started at whatever the clock shows; what is skipped is lost, what comes twice runs twice;
 * - `first-pass`: as above, but nothing at all until the clock has caught up with what it showed before.
 */
export type ClockHandling = CronClass | "each-pass" | "first-pass";

/**
 * Wall minutes that cron handles for one class of lines, in order, under one offset.
 *
 * Wall minutes are counted from 1970-01-01 00:00 on the zone's own clock. Minute `w` is handled when it comes, at
 * `w * 60000 - offset`; those that the clock skipped are made up at `startAt`.
 */
export interface Stretch {
  readonly startAt: number;
  readonly offset: number;
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * Stretches of minutes that Debian cron's main loop handles around a zone's clock changes, from an instant on, without
 * end.
 *
 * The loop keeps a virtual time, the last minute it has handled, and compares the wall clock with it:
 * - 1 ahead is the normal case; up to 5 ahead every minute is handled, late;
 * - up to 180 ahead (a gap): fixed lines of the skipped minutes run at once, wildcard lines miss them;
 * - up to 179 behind (a repeat): wildcard lines follow the clock, fixed lines wait until it has caught up;
 * - anything else is a correction: the virtual time follows the clock, and no line runs early or late.
 *
 * The model assumes a daemon that runs all the time: no start in a repeated hour, no suspended machine.
 */
export function* stretches(clock: ZoneClock, from: number, handling: ClockHandling): Generator<Stretch, never> {
  // A day before, so that a repeat which still holds fixed lines back at `from` is seen.
  let segment = clock.segmentAt(from - DAY_MS);
  let first = Math.floor((segment.startAt + segment.offset) / MINUTE_MS);
  let handled = first - 1;
  for (;;) {
    const { startAt, endAt, offset } = segment;
    const end = Math.ceil((endAt + offset) / MINUTE_MS);
    const step = first - handled;
    const isCorrection = handling !== "first-pass" && (step > CORRECTION || step <= -CORRECTION);
    yield { startAt, offset, first: isCorrection ? first : firstHandled(handling, first, handled), end };
    handled = isCorrection ? end - 1 : Math.max(handled, end - 1);
    segment = clock.segmentAt(endAt);
    first = segment.offset === offset ? end : Math.floor((endAt + segment.offset) / MINUTE_MS);
  }
}

function firstHandled(handling: ClockHandling, first: number, handled: number): number {
  const step = first - handled;
  switch (handling) {
    case "fixed":
      return handled + 1;
    case "wildcard":
      return step > 0 && step <= LATE ? handled + 1 : first;
    case "each-pass":
      return first;
    case "first-pass":
      return Math.max(first, handled + 1);
  }
}
