import { runTimes } from "../cron/run-times.ts";
import { DAY_MS } from "../time-units.ts";
import type { LintOptions } from "./lint.ts";
import type { Pipeline } from "./schedule.ts";

/** The list ends after this time, or after this number of runs of a cron expression. */
const HORIZON_MS = 400 * DAY_MS;
const MOST_RUNS = 2_000;

/** The next runs of an entry, in order, in epoch milliseconds. A run that two expressions name may be in it twice. */
export function listRuns(
  { crons, timezone }: Pick<Pipeline, "crons" | "timezone">,
  { machineZone = "UTC", now }: LintOptions,
): readonly number[] {
  let to = now.getTime() + HORIZON_MS;
  const found = crons.flatMap((cron) => {
    const runs: number[] = [];
    for (const at of runTimes(cron, { zone: timezone ?? machineZone, from: now.getTime(), to })) {
      runs.push(at);
      if (runs.length < MOST_RUNS) continue;
      // Of the other expressions, later runs do not count: those of this one are not known.
      to = at + 1;
      break;
    }
    return runs;
  });
  return found.filter((at) => at < to).sort((one, other) => one - other);
}
