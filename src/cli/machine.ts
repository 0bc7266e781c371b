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

/** The parts of the machine that `install` needs: its `crontab` program, its cron daemon and its time zone. */
export function readMachine(host: Host): Machine {
  return {
    host,
    crontab: crontabOf(host),
    findCron: () => findCronHere(host.root, crontabProgram(host)),
    zone: readMachineZone(host.root).zone,
  };
}

/**
 * Warnings about time zones that changed since the schedule was installed on this host.
 *
 * Empty if that cannot be determined: the caller validates a file, and `status` reports the errors of an install.
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
