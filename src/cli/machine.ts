import { findCronHere } from "../crontab/daemon.ts";
import type { Machine } from "../crontab/install.ts";
import { crontabProgram } from "../crontab/program.ts";
import { crontabOf } from "../crontab/system.ts";
import type { Host } from "../host.ts";
import { readMachineZone } from "../machine-zone.ts";

/** The machine as an install meets it: its `crontab` program, the daemon that reads it, and its zone. */
export function readMachine(host: Host): Machine {
  return {
    host,
    crontab: crontabOf(host),
    findCron: () => findCronHere(host.root, crontabProgram(host)),
    zone: readMachineZone(host.root).zone,
  };
}
