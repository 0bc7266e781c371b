import { findCronHere } from "../crontab/daemon.ts";
import type { Machine } from "../crontab/install.ts";
import { crontabProgram } from "../crontab/program.ts";
import { systemCrontab } from "../crontab/system.ts";
import type { Host } from "../host.ts";
import { readMachineZone } from "../machine-zone.ts";

/** The machine as an install meets it: its `crontab` program, the daemon that reads it, and its zone. */
export function readMachine(host: Host): Machine {
  const call = crontabProgram(host);
  return {
    host,
    crontab: systemCrontab(call),
    findCron: () => findCronHere(host.root, call),
    zone: readMachineZone(host.root).zone,
  };
}
