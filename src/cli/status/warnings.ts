import { constants } from "node:fs";
import { errorCode } from "../../errors.ts";
import { digestOf, startsDigest } from "../../installed/compile.ts";
import { installAgain } from "../../installed/schedulers.ts";
import type { InstalledSchedule } from "../../installed/store.ts";
import { type ZonesNow, zoneNotices } from "../../installed/zone-warnings.ts";
import { open } from "../../storage/fs.ts";
import { ioError } from "../../storage/store-error.ts";

async function sourceWarning({ storedSchedule: { name, source } }: InstalledSchedule): Promise<string | undefined> {
  try {
    const file = await open(source.path, constants.O_RDONLY);
    const bytes = await file.readAll().finally(() => file.close());
    return digestOf(bytes) === source.digest
      ? undefined
      : `${source.path} has changed since it was installed, and the installed version still runs. Show the changes: pipelinewise-sched diff ${source.path}`;
  } catch (error) {
    return errorCode(error) === "ENOENT"
      ? `the file ${source.path} of the installed schedule ${name} no longer exists`
      : ioError("read", source.path, error).message;
  }
}

/**
 * The warning that a host cannot run a stored schedule, because only other hosts, or this one by another name,
 * installed it.
 */
export function notInstalledWarning(
  { storedSchedule: { name, source }, formerHost }: Pick<InstalledSchedule, "storedSchedule" | "formerHost">,
  hostName: string,
): string {
  const what = `the schedule ${name} is not installed on host ${hostName}, so no scheduled run of it starts here.`;
  const install = `pipelinewise-sched install ${source.path}`;
  return formerHost === undefined
    ? `${what} Install it here: ${install}. On a worker of Airflow or Cronicle, add --compile-only. If this host had another name before, install it again, or set PIPELINEWISE_SCHED_HOST to the old name.`
    : `${what} This host was called ${formerHost} when the schedule was installed. Install it again: ${install}, or set PIPELINEWISE_SCHED_HOST=${formerHost} in the crontab.`;
}

/**
 * Warnings about an installed schedule.
 *
 * @param zones the current time zones of this machine
 */
export async function warningsOf(
  installed: InstalledSchedule,
  hostName: string,
  zones: ZonesNow,
): Promise<readonly string[]> {
  const { storedSchedule, scheduleText, host } = installed;
  const installCommand = `pipelinewise-sched install ${storedSchedule.source.path}`;
  const ofHost =
    host === undefined
      ? notInstalledWarning(installed, hostName)
      : host.meaningDigest === digestOf(scheduleText)
        ? undefined
        : `${host.compileOnly === true ? "what is stored" : "the crontab"} on host ${hostName} is out of date: schedule ${storedSchedule.name} was reinstalled from another host. Install it here: ${installAgain(storedSchedule.source.path, host)}`;
  const current = host === undefined ? "" : startsDigest(storedSchedule, host);
  const elsewhere = Object.entries(host?.on ?? {})
    .filter(([, { digest }]) => digest !== current)
    .map(
      ([on]) =>
        `${on} still starts an older version of schedule ${storedSchedule.name}. Install it again: ${installCommand} --on ${on}`,
    );
  const ofZones = host === undefined ? [] : zoneNotices(storedSchedule, host, zones);
  return [await sourceWarning(installed), ofHost, ...elsewhere, ...ofZones].filter((warning) => warning !== undefined);
}
