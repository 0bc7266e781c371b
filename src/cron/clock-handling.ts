import { DAY_MS, MINUTE_MS } from "../time-units.ts";
import type { CronClass } from "./expression.ts";

/** The largest distance from 1970 that a `Date` can represent. */
export const MAX_DATE_MS = 8_640_000_000_000_000;

/** A period in which a zone keeps one offset. In milliseconds; `endAt` is exclusive. */
export interface OffsetInterval {
  readonly startAt: number;
  readonly endAt: number;
  /** East of UTC, in whole seconds: some historical offsets are not whole minutes. */
  readonly offset: number;
}

/** The clocks of a zone. */
export interface ZoneClock {
  /** The interval that contains an instant. The next interval may have the same offset. */
  readonly intervalAt: (at: number) => OffsetInterval;
}

/** cron treats a larger step of the clock as a correction, not as a clock change. */
const CORRECTION_MINUTES = 180;
/** cron treats a smaller step forward as a late wake-up and handles every skipped minute. */
const LATE_MINUTES = 5;

/**
 * How a daemon handles clock changes. The two classes of lines are Debian cron's; other daemons do one of these with
 * every line:
 * - `each-pass`: follows local time. Skipped times do not run, repeated times run twice;
 * - `first-pass`: the same, but repeated times run only the first time.
 */
export type ClockHandling = CronClass | "each-pass" | "first-pass";

/**
 * Consecutive wall minutes that cron handles for one class of lines under one offset.
 *
 * Wall minutes are counted from 1970-01-01 00:00 in local time. Cron handles minute `w` at `w * 60000 - offset`, and
 * minutes that the clock skipped at `startAt`.
 */
export interface ClockInterval {
  readonly startAt: number;
  readonly offset: number;
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * The wall minutes that Debian cron's main loop handles, interval by interval, from an instant on, without an end.
 *
 * The loop keeps a virtual time, the last minute it has handled, and compares the wall clock with it:
 * - 1 ahead is the normal case; up to 5 ahead every minute is handled, late;
 * - up to 180 ahead (skipped minutes): their fixed lines run immediately, their wildcard lines do not run;
 * - up to 179 behind (repeated minutes): wildcard lines follow the clock, fixed lines wait until it has caught up;
 * - anything else is a correction: the virtual time follows the clock, and no line runs early or late.
 *
 * The model assumes a daemon that runs all the time: no start in a repeated hour, no suspended machine.
 */
export function* clockIntervals(
  clock: ZoneClock,
  { from, handling }: { readonly from: number; readonly handling: ClockHandling },
): Generator<ClockInterval, never> {
  // Starts a day early: a clock change before `from` may still hold fixed lines back.
  let interval = clock.intervalAt(from - DAY_MS);
  let first = Math.floor((interval.startAt + interval.offset) / MINUTE_MS);
  let handled = first - 1;
  for (;;) {
    const { startAt, endAt, offset } = interval;
    const end = Math.ceil((endAt + offset) / MINUTE_MS);
    const step = first - handled;
    const isCorrection = handling !== "first-pass" && (step > CORRECTION_MINUTES || step <= -CORRECTION_MINUTES);
    yield { startAt, offset, first: isCorrection ? first : firstHandled(handling, first, handled), end };
    handled = isCorrection ? end - 1 : Math.max(handled, end - 1);
    interval = clock.intervalAt(endAt);
    first = interval.offset === offset ? end : Math.floor((endAt + interval.offset) / MINUTE_MS);
  }
}

function firstHandled(handling: ClockHandling, first: number, handled: number): number {
  const step = first - handled;
  switch (handling) {
    case "fixed":
      return handled + 1;
    case "wildcard":
      return step > 0 && step <= LATE_MINUTES ? handled + 1 : first;
    case "each-pass":
      return first;
    case "first-pass":
      return Math.max(first, handled + 1);
  }
}
