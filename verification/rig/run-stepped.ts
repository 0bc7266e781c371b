import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CronStart, cronComplaints, cronStarts } from "./cron-log.ts";
import { OWN_CRON, type SteppedDaemon } from "./daemons.ts";
import { type PrivateCron, startPrivateCron } from "./private-cron.ts";

/** One run of a real daemon over simulated days. */
export interface SteppedRun {
  readonly from: Date;
  readonly to: Date;
  /** The machine's zone, an IANA name. */
  readonly zone: string;
  /** The whole crontab of root. */
  readonly tab: string;
  /** The machine's own cron by default. */
  readonly daemon?: SteppedDaemon;
}

/**
 * The daemon's own starts in [from, to), in their order; a minute that it starts twice stands twice.
 *
 * @throws where the daemon's own check refuses the crontab, or the daemon complains of anything
 */
export async function runStepped({ zone, ...run }: SteppedRun): Promise<readonly CronStart[]> {
  const world = await startPrivateCron(zone);
  try {
    return await stepThrough(world, run);
  } finally {
    await world.stop();
  }
}

/** The same in a world that stands. */
export async function stepThrough(
  world: PrivateCron,
  { from, to, tab, daemon = OWN_CRON }: Omit<SteppedRun, "zone">,
): Promise<readonly CronStart[]> {
  await check(world, tab, daemon);
  await world.spool(tab);
  const log = await world.step(from, to, daemon);
  const complaints = cronComplaints(log);
  if (complaints.length > 0) throw new Error(`${daemon.name} complains:\n${complaints.join("\n")}`);
  return cronStarts(log);
}

async function check(world: PrivateCron, tab: string, daemon: SteppedDaemon): Promise<void> {
  if (daemon.check === undefined) return;
  const file = join(world.folder, "checked-crontab");
  writeFileSync(file, tab);
  const { code, stdout, stderr } = await world.run([...daemon.check, file]);
  if (code !== 0) throw new Error(`${daemon.name} refuses the crontab:\n${stdout}${stderr}`);
}
