import { type CronStart, cronComplaints, cronStarts } from "./cron-log.ts";
import { startPrivateCron } from "./private-cron.ts";

/** One run of a real daemon over simulated days. */
export interface SteppedRun {
  readonly from: Date;
  readonly to: Date;
  /** The machine's zone, an IANA name. */
  readonly zone: string;
  /** The whole crontab of root. */
  readonly tab: string;
  /** The daemon and its words, in the foreground; the machine's own cron by default. */
  readonly cron?: readonly string[];
}

/** The daemon's own starts in [from, to), in their order; a minute that it starts twice stands twice. */
export async function runStepped({ from, to, zone, tab, cron }: SteppedRun): Promise<readonly CronStart[]> {
  const world = await startPrivateCron(zone);
  try {
    await world.setCrontab(tab);
    const log = await world.step(from, to, cron);
    const complaints = cronComplaints(log);
    if (complaints.length > 0) throw new Error(`the daemon complains:\n${complaints.join("\n")}`);
    return cronStarts(log);
  } finally {
    await world.stop();
  }
}
