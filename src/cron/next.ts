import { daySearch } from "./calendar.ts";
import type { Cron } from "./expression.ts";
import { type ClockHandling, MINUTE_MS, stretches } from "./stretches.ts";
import { type ZoneClock, zoneClock } from "./zone-clock.ts";

const DAY_MINUTES = 1440;
const DAY_MS = DAY_MINUTES * MINUTE_MS;
/** More than a wall clock may lie from UTC, or a clock change turn it back. */
const LEEWAY_DAYS = 3;
const LEEWAY_MS = LEEWAY_DAYS * DAY_MS;

/** A zone, and the instants between which starts are asked for: epoch milliseconds, `to` exclusive. */
export interface Span {
  /** IANA name known to this Node, or the zone's clock. */
  readonly zone: string | ZoneClock;
  readonly from: number;
  readonly to: number;
}

/**
 * The instants at which Debian's cron starts a line on a machine in the zone, in order. An instant stands as often as
 * cron starts the line then: fixed lines that a clock change skipped are made up together.
 *
 * @param handling another daemon's way with clock changes
 */
export function* startTimes(
  cron: Cron,
  { zone, from, to }: Span,
  handling: ClockHandling = cron.class,
): Generator<number, void> {
  const minutes = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * 60 + minute));
  const nextDay = daySearch(cron);
  const clock = typeof zone === "string" ? zoneClock(zone) : zone;
  let resumeAt = from;
  search: for (;;) {
    for (const { startAt, offset, first, end } of stretches(clock, resumeAt, handling)) {
      // What is made up at the start of the stretch counts if that start does; all else goes by its own minute.
      const low = startAt >= resumeAt ? first : Math.max(first, Math.ceil((resumeAt + offset) / MINUTE_MS));
      for (let day = nextDay(Math.floor(low / DAY_MINUTES)); day * DAY_MINUTES < end; day = nextDay(day + 1)) {
        for (const minute of minutes) {
          const wall = day * DAY_MINUTES + minute;
          if (wall < low) continue;
          if (wall >= end) break;
          const at = Math.max(startAt, wall * MINUTE_MS - offset);
          if (at >= to) return;
          yield at;
        }
      }
      // Over a long way without starts the clock changes between need not be known.
      const nextAt = nextDay(Math.floor(end / DAY_MINUTES) - LEEWAY_DAYS) * DAY_MS - LEEWAY_MS;
      if (nextAt >= to) return;
      if (nextAt > end * MINUTE_MS + LEEWAY_MS) {
        resumeAt = nextAt;
        continue search;
      }
    }
  }
}

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
