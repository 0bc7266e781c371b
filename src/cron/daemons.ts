import type { ClockHandling } from "./clock-handling.ts";
import type { Cron } from "./expression.ts";
import { runTimes, type Span } from "./next-runs.ts";

/** The cron daemons whose ways we know: Debian's, cronie, busybox crond, systemd-cron. */
export const DAEMONS = ["debian", "cronie", "busybox", "systemd"] as const;

export type Daemon = (typeof DAEMONS)[number];

/**
 * How a daemon treats a line of this class when the clocks change.
 *
 * cronie does as Debian's cron (but sees a change of the clocks only where summer time begins or ends: another step of the
 * zone goes by unnoticed until it is started again). busybox crond goes by each minute's own local time. systemd's timers
 * elapse in the first pass of a repeated hour only, even those of every minute.
 */
function handlingOf(daemon: Daemon, cron: Cron): ClockHandling {
  if (daemon === "busybox") return "each-pass";
  return daemon === "systemd" ? "first-pass" : cron.class;
}

/**
 * When a daemon on a machine in the zone starts a pipeline by the lines that we install for it, in order, one instant for
 * each minute. For `debian` and `cronie` these are `runTimes`.
 *
 * What is judged are our own lines (`canonicalLines`), which every daemon reads alike, not the user's text: so daemons
 * differ by their clock changes alone. Starts that only fill up such a line (a weekday that the cron asks for besides a
 * day of the month) are left out. In a repeated hour busybox starts fixed lines a second time; that start is shown, as
 * it is the daemon's, and skipped by the wrapper, as no run is due by then.
 *
 * It is meant for pipelines in the machine's own zone. One in another zone is started by candidate lines, and goes by
 * `runTimes` on every daemon that takes them.
 */
export const runTimesOn = (daemon: Daemon, cron: Cron, span: Span): Iterable<number> =>
  runTimes(cron, span, handlingOf(daemon, cron));
