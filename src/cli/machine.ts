import { dirname } from "node:path";
import { SchedError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Machine } from "../install/install.ts";
import { readCompiled } from "../installed/store.ts";
import { zoneNotices } from "../installed/zone-warnings.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { crontabOf, crontabProgram } from "../schedulers/cron/crontab-program.ts";
import { findCronHere } from "../schedulers/cron/daemon.ts";
import { resolveConfigDir } from "../storage/config-dir.ts";
import { findStateFolder } from "../storage/directory.ts";
import { readMachineZone } from "../system/time-zone.ts";

/** The machine as an install meets it: its `crontab` program, the daemon that reads it, and its zone. */
export function readMachine(host: Host): Machine {
  return {
    host,
    crontab: crontabOf(host),
    findCron: () => findCronHere(host.root, crontabProgram(host)),
    zone: readMachineZone(host.root).zone,
  };
}

/**
 * What no longer holds of a schedule's time zones, where it is installed on this host; a sentence each.
 *
 * Nothing where that cannot be found out: who asks has a file in mind, and `status` tells the rest.
 */
export async function installedZoneNotices(
  { name, source, pipelinewise }: Schedule,
  host: Host,
): Promise<readonly string[]> {
  try {
    const file =
      pipelinewise.configDir === undefined
        ? undefined
        : { value: pipelinewise.configDir, folder: dirname(source.path) };
    const configDir = await resolveConfigDir(host, { flag: undefined, file });
    const state = await findStateFolder(configDir, host.uid);
    const installed = state === undefined ? undefined : await readCompiled(state.paths, name, host);
    if (installed?.host === undefined || installed.meaning.source.path !== source.path) return [];
    const zones = { now: host.now(), data: host.tzdata, machineZone: readMachineZone(host.root).zone };
    return zoneNotices(installed.meaning, installed.host, zones);
  } catch (error) {
    if (error instanceof SchedError) return [];
    throw error;
  }
}
