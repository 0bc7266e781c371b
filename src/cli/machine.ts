import type { Machine } from "../crontab/install.ts";
import { crontabProgram } from "../crontab/program.ts";
import { systemCrontab } from "../crontab/system.ts";
import type { Host } from "../host.ts";

/** The machine as an install meets it: its `crontab` program and its zone. */
export async function readMachine(host: Host): Promise<Machine> {
  const { timeZone } = new Intl.DateTimeFormat("en").resolvedOptions();
  return { host, crontab: systemCrontab(crontabProgram(host)), zone: timeZone };
}
