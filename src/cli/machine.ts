import type { Machine } from "../crontab/install.ts";
import { crontabProgram } from "../crontab/program.ts";
import { systemCrontab } from "../crontab/system.ts";
import type { Host } from "../host.ts";
import { readMachineZone } from "../machine-zone.ts";

/** The machine as an install meets it: its `crontab` program and its zone. */
export const readMachine = (host: Host): Machine => ({
  host,
  crontab: systemCrontab(crontabProgram(host)),
  zone: readMachineZone().zone,
});
