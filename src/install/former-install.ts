import { parseCron } from "../cron/expression.ts";
import { zoneClock } from "../cron/zone-clock.ts";
import { errorCode, SchedError } from "../errors.ts";
import type { Host } from "../host.ts";
import { decodeStoredInstall } from "../installed/decode.ts";
import { formerHostName } from "../installed/former-host.ts";
import { type StoredInstall, type StoredSchedule, schedulersOf } from "../installed/schedule.ts";
import { listScheduleHosts } from "../installed/store.ts";
import { loadScheduler } from "../schedulers/registry.ts";
import { findDue } from "../slots/due.ts";
import { openSlots } from "../slots/store.ts";
import { readStateFile } from "../storage/file.ts";
import { readdir, stat } from "../storage/fs.ts";
import { installFile, runsDir, runsFile, type StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { MINUTE_MS } from "../time-units.ts";

/** The stored install of this machine by an earlier name. */
export interface FormerInstall {
  readonly text: string;
  readonly host: StoredInstall;
}

/** The result of the search. */
interface FormerSearch {
  /** Proved to be this machine's: an install under the new name replaces it. */
  readonly former: FormerInstall | undefined;
  /** One sentence for the user about a stored install that may be this machine's. */
  readonly warnings: readonly string[];
}

/** A start may be that late and not be recorded yet. */
const LATE_MS = 5 * MINUTE_MS;

const NONE: FormerSearch = { former: undefined, warnings: [] };

/**
 * Finds the stored install that this machine made under an earlier name. A clone of this machine may have the same
 * machine id and the same crontab, so there are three proofs:
 *
 * - It is the only stored install with this machine id and user.
 * - This machine's crontab, or its systemd, contains what that install wrote.
 * - No start was recorded under the earlier name at the newest due time of the schedule. A clone that is still running
 *   would have recorded one.
 */
export async function findFormerInstall(
  paths: StatePaths,
  schedule: StoredSchedule,
  host: Host,
): Promise<FormerSearch> {
  const installs = await readInstalls(paths, schedule.name, host.name);
  const name = formerHostName(
    installs.map((one) => one.host),
    host,
  );
  const former = installs.find((one) => one.host.host === name);
  if (former === undefined || !(await isInstalledHere(schedule, former.host, host))) return NONE;
  const isProved = await isSilent(paths, schedule, former.host, host).catch((error) => {
    if (error instanceof SchedError) return false;
    throw error;
  });
  if (isProved) return { former, warnings: [] };
  const path = installFile(paths, schedule.name, former.host.host);
  return {
    former: undefined,
    warnings: [
      `this host may have been called ${former.host.host}, but a host of that name may still be running, so its stored install stays. If this host had that name, remove the file: rm '${path}'`,
    ],
  };
}

/** The stored installs of other hosts. One that cannot be read is that host's problem. */
async function readInstalls(paths: StatePaths, name: string, own: string): Promise<readonly FormerInstall[]> {
  const hosts = (await listScheduleHosts(paths, name)).filter((other) => other !== own);
  const read = hosts.map(async (other): Promise<readonly FormerInstall[]> => {
    try {
      const text = await readStateFile(installFile(paths, name, other));
      return text === undefined ? [] : [{ text, host: decodeStoredInstall(text, name, other) }];
    } catch {
      return [];
    }
  });
  return (await Promise.all(read)).flat();
}

/** Whether every scheduler of this machine contains what the install wrote. Airflow and Cronicle prove nothing. */
async function isInstalledHere(
  { name, configDir, entries }: StoredSchedule,
  former: StoredInstall,
  host: Host,
): Promise<boolean> {
  const { lines, on } = former;
  const schedulers = (await Promise.all(schedulersOf(former).map(loadScheduler))).filter(
    ({ hasWorkers }) => !hasWorkers,
  );
  const found = schedulers.map(async ({ name: scheduler, inspect }) => {
    const { place = {}, written = {} } = on?.[scheduler] ?? {};
    return inspect({ name, configDir, entries, lines, place, written }, host).catch((error) => {
      if (error instanceof SchedError) return [{ differs: true }];
      throw error;
    });
  });
  return schedulers.length > 0 && (await Promise.all(found)).flat().every(({ differs }) => !differs);
}

/** Whether something was due and nothing has been recorded since under the earlier name. */
async function isSilent(
  paths: StatePaths,
  { entries }: StoredSchedule,
  { host: name, installedAt, machineZone }: StoredInstall,
  host: Host,
): Promise<boolean> {
  const now = host.now().getTime() - LATE_MS;
  const dueTimes = entries.flatMap(({ crons, timezone, since = installedAt }) => {
    const from = Math.max(Date.parse(since), Date.parse(installedAt));
    const clock = zoneClock(timezone ?? machineZone);
    const due = findDue({ crons: crons.map(parseCron), clock, since: from, handled: undefined, now });
    return due.kind === "none" || due.kind === "before-install" ? [] : [due.slot];
  });
  if (dueTimes.length === 0) return false;
  const newest = Math.max(...dueTimes);
  const slots = await Promise.all(entries.map((entry) => openSlots({ paths, entry, host }).findLast()));
  if (slots.some((last) => last?.host === name && last.slot.getTime() >= newest)) return false;
  return (await newestRecordMs(paths, name)) < newest;
}

/** Time of the newest record of a host, in epoch milliseconds; 0 if it has none. */
async function newestRecordMs(paths: StatePaths, host: string): Promise<number> {
  const absent = (error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw ioError("read", runsDir(paths), error);
  };
  const months = (await readdir(runsDir(paths)).catch(absent)) ?? [];
  const times = months.map(async (month) => (await stat(runsFile(paths, month, host)).catch(absent))?.mtimeMs ?? 0);
  return Math.max(0, ...(await Promise.all(times)));
}
