import { DAY_MS } from "../time-units.ts";
import type { ClockHandling } from "./clock-handling.ts";
import type { Cron } from "./expression.ts";
import { startsByClock } from "./occurrences.ts";
import { zoneClock } from "./zone-clock.ts";

/** A time zone and a period, in epoch milliseconds; `to` is exclusive. */
export interface Span {
  readonly zone: string;
  readonly from: number;
  readonly to: number;
  /** How the daemon handles clock changes; default: as Debian's cron. */
  readonly handling?: ClockHandling;
}

/**
 * The instants at which Debian's cron starts a line on a machine in the zone, in order. An instant appears once for each
 * start: cron runs all the fixed lines that a clock change skipped at one instant.
 */
export const startTimes = (cron: Cron, span: Span): Generator<number, void> =>
  startsByClock(cron, zoneClock(span.zone), span);

/** The instants at which a cron expression is due, in order. A minute that cron would start twice is one run. */
export function* runTimes(cron: Cron, span: Span): Generator<number, void> {
  let last: number | undefined;
  for (const at of startTimes(cron, span)) {
    if (at !== last) yield at;
    last = at;
  }
}

/**
 * The next runs of a cron expression, soonest first.
 *
 * @param options.after exclusive
 * @param options.zone IANA name known to this Node, such as "Europe/London"
 * @returns at most `count` runs; fewer at the end of the year 9999
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
 * One local day of a zone; `to` is exclusive. It is 23 or 25 hours long if the clocks change, and empty if the zone
 * skipped that day.
 *
 * @param date an existing date, such as `2026-10-25`
 */
export function localDay(date: string, zone: string): { readonly from: number; readonly to: number } {
  const midnight = Date.parse(`${date}T00:00Z`);
  return { from: firstInstant(midnight, zone), to: firstInstant(midnight + DAY_MS, zone) };
}

/** The first instant at which a zone's clocks show this local time or a later one. */
function firstInstant(localTime: number, zone: string): number {
  const clock = zoneClock(zone);
  let interval = clock.intervalAt(localTime - 2 * DAY_MS);
  while (localTime - interval.offset >= interval.endAt) interval = clock.intervalAt(interval.endAt);
  return Math.max(interval.startAt, localTime - interval.offset);
}

/** The cron daemons whose behaviour is known: Debian's cron, cronie, busybox crond and systemd-cron. */
export const DAEMONS = ["debian", "cronie", "busybox", "systemd"] as const;

export type Daemon = (typeof DAEMONS)[number];

/**
 * How a daemon handles a line of this class when the clocks change.
 *
 * cronie behaves as Debian's cron, but it notices only the beginning and the end of summer time: it misses any other
 * change of the zone until its next start. busybox crond follows the local time of each minute. A systemd timer elapses
 * only in the first pass of a repeated hour, even if it elapses every minute.
 */
function handlingOf(daemon: Daemon, cron: Cron): ClockHandling {
  if (daemon === "busybox") return "each-pass";
  return daemon === "systemd" ? "first-pass" : cron.class;
}

/**
 * The instants at which a daemon starts a pipeline by the lines that `install` writes for it, in order, one for each
 * minute. For `debian` and `cronie` they are those of `runTimes`.
 *
 * All daemons read these lines (`canonicalLines`) alike, so the daemons differ at clock changes only. The additional
 * starts of such a line (a cron expression that requires both a day of the month and a weekday) are left out. In a
 * repeated hour, busybox starts fixed lines a second time. That start is included, although the run is skipped because
 * nothing is due.
 *
 * Meant for pipelines in the machine's own zone. Pipelines in another zone have candidate lines, so every daemon that
 * supports those follows `runTimes`.
 */
export const daemonRunTimes = (daemon: Daemon, cron: Cron, span: Span): Iterable<number> =>
  runTimes(cron, { ...span, handling: handlingOf(daemon, cron) });
