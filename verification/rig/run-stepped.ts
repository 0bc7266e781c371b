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
 * The daemon's own starts in [from, to), in order; a minute with two starts occurs twice.
 *
 * @throws where the daemon's own check refuses the crontab, or the daemon complains of anything
 */
export async function runStepped({ zone, ...run }: SteppedRun): Promise<readonly CronStart[]> {
  const machine = await startPrivateCron(zone);
  try {
    return await stepThrough(machine, run);
  } finally {
    await machine.stop();
  }
}

/** Like `runStepped`, in an existing machine. */
export async function stepThrough(
  machine: PrivateCron,
  { from, to, tab, daemon = OWN_CRON }: Omit<SteppedRun, "zone">,
): Promise<readonly CronStart[]> {
  await check(machine, tab, daemon);
  await machine.spool(tab);
  const log = await machine.step(from, to, daemon);
  const complaints = cronComplaints(log);
  if (complaints.length > 0) throw new Error(`${daemon.name} complains:\n${complaints.join("\n")}`);
  return cronStarts(log);
}

async function check(machine: PrivateCron, tab: string, daemon: SteppedDaemon): Promise<void> {
  if (daemon.check === undefined) return;
  const file = join(machine.directory, "checked-crontab");
  writeFileSync(file, tab);
  const { code, stdout, stderr } = await machine.run([...daemon.check, file]);
  if (code !== 0) throw new Error(`${daemon.name} refuses the crontab:\n${stdout}${stderr}`);
}
