import { type Cron, parseCron } from "../../src/cron/expression.ts";
import { startTimes } from "../../src/cron/run-times.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { findDue } from "../../src/slots/due.ts";
import { type CronStart, minute } from "./cron-log.ts";

/** A machine's zone, and the time over which a daemon is watched. */
export interface Watch {
  readonly zone: string;
  readonly from: Date;
  readonly to: Date;
}

/** The result of a daemon's starts of a job, in minutes as in `CronStart`. */
export interface Verdict {
  /** Predicted starts, and any others that a run would not skip, without duplicates. */
  readonly starts: readonly string[];
  /** Starts that were not foreseen, and that a run turns away, as no slot is due. */
  readonly surplus: readonly string[];
}

/** Holds the starts of a job against the runs that were foreseen, by the due check that every run begins with. */
export function judge(
  starts: readonly string[],
  { foreseen, cron, watch }: { readonly foreseen: readonly string[]; readonly cron: Cron; readonly watch: Watch },
): Verdict {
  const planned = new Set(foreseen);
  const clock = zoneClock(watch.zone);
  const isDue = (at: string): boolean => {
    const now = Date.parse(at);
    const handled = foreseen.map((one) => Date.parse(one)).filter((one) => one < now);
    const since = watch.from.getTime() - 1;
    return findDue({ crons: [cron], clock, since, handled: handled.at(-1), now }).kind === "due";
  };
  const once = [...new Set(starts)].sort();
  return {
    starts: once.filter((at) => planned.has(at) || isDue(at)),
    surplus: once.filter((at) => !planned.has(at) && !isDue(at)),
  };
}

/** The starts by Debian's main loop for the lines of a crontab; a minute with two starts occurs twice. */
export const startsOfLines = (tab: string, { zone, from, to }: Watch): readonly CronStart[] =>
  tab
    .split("\n")
    .filter((line) => /^[^#\s]/.test(line))
    .flatMap((line) => {
      const words = line.split(" ");
      const cron = parseCron(words.slice(0, 5).join(" "));
      const command = words.slice(5).join(" ");
      return [...startTimes(cron, { zone, from: from.getTime(), to: to.getTime() })].map((at) => ({
        at: minute(new Date(at)),
        command,
      }));
    });
