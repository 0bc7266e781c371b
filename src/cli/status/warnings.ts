import { readFile } from "node:fs/promises";
import { errorCode } from "../../errors.ts";
import { digestOf, startsDigest } from "../../installed/compile.ts";
import type { InstalledSchedule } from "../../installed/store.ts";
import { type ZonesNow, zoneNotices } from "../../installed/zone-warnings.ts";
import { storeFault } from "../../storage/store-error.ts";

async function sourceNotice({ meaning: { name, source } }: InstalledSchedule): Promise<string | undefined> {
  try {
    return digestOf(await readFile(source.path)) === source.digest
      ? undefined
      : `${source.path} has changed since it was installed, and the installed version still runs. Show the changes: pipelinewise-sched diff ${source.path}`;
  } catch (error) {
    return errorCode(error) === "ENOENT"
      ? `the file ${source.path} of the installed schedule ${name} no longer exists`
      : storeFault("read", source.path, error).message;
  }
}

/**
 * Warnings about an installed schedule.
 *
 * @param zones the current time zones of this machine
 */
export async function noticesOf(
  installed: InstalledSchedule,
  hostName: string,
  zones: ZonesNow,
): Promise<readonly string[]> {
  const { meaning, meaningText, host } = installed;
  const again = `pipelinewise-sched install ${meaning.source.path}`;
  const ofHost =
    host === undefined
      ? `the schedule ${meaning.name} is not installed on host ${hostName}. Install it here: ${again}`
      : host.meaningDigest === digestOf(meaningText)
        ? undefined
        : `the crontab on host ${hostName} is out of date: schedule ${meaning.name} was reinstalled from another host. Install it here: ${again}`;
  const told = host === undefined ? "" : startsDigest(meaning, host);
  const elsewhere = Object.entries(host?.on ?? {})
    .filter(([, { digest }]) => digest !== told)
    .map(
      ([on]) =>
        `${on} still starts an older version of schedule ${meaning.name}. Install it again: ${again} --on ${on}`,
    );
  const ofZones = host === undefined ? [] : zoneNotices(meaning, host, zones);
  return [await sourceNotice(installed), ofHost, ...elsewhere, ...ofZones].filter((notice) => notice !== undefined);
}
