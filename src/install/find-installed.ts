import { resolve } from "node:path";
import { EXIT, SchedError, TooLargeError, UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import { decodeStoredInstall, decodeStoredSchedule } from "../installed/decode.ts";
import type { StoredInstall, StoredSchedule } from "../installed/schedule.ts";
import { listScheduleNames, readStored } from "../installed/store.ts";
import { sameSource } from "../schedulers/owner-mark.ts";
import type { Scheduler } from "../schedulers/scheduler.ts";
import { namedConfigDir, resolveConfigDir } from "../storage/config-dir.ts";
import { checkDirectory, findStateDirectory } from "../storage/directory.ts";
import { readStateFile } from "../storage/file.ts";
import { ANY_HOST, installFile, type StatePaths, scheduleFile, schedulesDir, statePaths } from "../storage/paths.ts";

/** The stored files of one schedule, as `install` and `uninstall` find them. */
export interface StoredFiles {
  readonly scheduleText: string | undefined;
  /** `undefined` also if the text cannot be decoded: `install` then overwrites it. */
  readonly storedSchedule: StoredSchedule | undefined;
  readonly installText: string | undefined;
  readonly host: StoredInstall | undefined;
}

function decodedOrNot<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** The text of a stored file; an empty one, which cannot be decoded either, if the file is too large to be read. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readStateFile(path);
  } catch (error) {
    if (error instanceof TooLargeError) return "";
    throw error;
  }
}

/** Reads the stored files of a schedule; all are `undefined` if there is no `.sched` yet. Creates nothing. */
export async function readStoredFiles(paths: StatePaths, name: string, host: Host): Promise<StoredFiles> {
  const none = { scheduleText: undefined, storedSchedule: undefined, installText: undefined, host: undefined };
  if ((await findStateDirectory(paths.configDir, host.uid)) === undefined) return none;
  await checkDirectory(paths, schedulesDir(paths), host.uid);
  const scheduleText = await readText(scheduleFile(paths, name));
  const installText = await readText(installFile(paths, name, host.name));
  return {
    scheduleText,
    storedSchedule:
      scheduleText === undefined ? undefined : decodedOrNot(() => decodeStoredSchedule(scheduleText, name)),
    installText,
    host: installText === undefined ? undefined : decodedOrNot(() => decodeStoredInstall(installText, name, host.name)),
  };
}

/** The stored files that a host uses. */
export interface FilesOfHost extends StoredFiles {
  /** The host that its stored install is for: `ANY_HOST`, or its own name. */
  readonly hostName: string;
}

/** Reads the stored files of this host, or those for any host if it has no stored install of its own. */
export async function readFilesOfHost(paths: StatePaths, name: string, host: Host): Promise<FilesOfHost> {
  const own = await readStoredFiles(paths, name, host);
  if (own.installText !== undefined) return { ...own, hostName: host.name };
  const any = await readStoredFiles(paths, name, { ...host, name: ANY_HOST });
  return any.installText === undefined ? { ...own, hostName: host.name } : { ...any, hostName: ANY_HOST };
}

/**
 * The other schedules of a config directory. One that cannot be read is only a warning, because `install` cannot repair
 * it.
 */
export async function readOthers(
  paths: StatePaths,
  name: string,
  host: Host,
): Promise<{ readonly others: readonly StoredSchedule[]; readonly warnings: readonly string[] }> {
  if ((await findStateDirectory(paths.configDir, host.uid)) === undefined) return { others: [], warnings: [] };
  const others: StoredSchedule[] = [];
  const warnings: string[] = [];
  for (const other of await listScheduleNames(paths)) {
    if (other === name) continue;
    try {
      const found = await readStored(paths, other, host);
      if (found !== undefined) others.push(found.storedSchedule);
    } catch (error) {
      if (!(error instanceof SchedError)) throw error;
      warnings.push(`${error.message}; its entries were not compared with this schedule`);
    }
  }
  return { others, warnings };
}

/** How the user names an installed schedule: by its file, by its name, or not at all if there is only one. */
export interface InstalledSelector {
  readonly file?: string | undefined;
  readonly name?: string | undefined;
  /** `--config-dir` */
  readonly configDir?: string | undefined;
}

/** A schedule that is installed here: a scheduler names it, a config directory stores it, or both. */
export interface Installed {
  readonly name: string;
  /** Absolute path of its file; `undefined` if its stored text cannot be decoded. */
  readonly source: string | undefined;
  readonly configDir: string;
}

/**
 * All installed schedules: those that the scheduler names, and those in the default or named config directory. If the
 * option or the environment names a directory, only those in that directory.
 *
 * @param flag `--config-dir`
 */
export async function listInstalled(
  scheduler: Scheduler,
  flag: string | undefined,
  host: Host,
): Promise<readonly Installed[]> {
  const found = new Map<string, Installed>();
  const named = namedConfigDir(host, flag);
  const listed = (await scheduler.listInstalled?.(host)) ?? [];
  const chosen = await resolveConfigDir(host, { flag }).catch((error) => {
    // A listed schedule names its own config directory, so an unknown default does not matter here.
    if (named === undefined && listed.length > 0 && error instanceof SchedError) return undefined;
    throw error;
  });
  if (chosen !== undefined && (await findStateDirectory(chosen, host.uid)) !== undefined) {
    const paths = statePaths(chosen);
    for (const name of await listScheduleNames(paths)) {
      const { storedSchedule, installText } = await readFilesOfHost(paths, name, host);
      if (installText !== undefined) found.set(name, { name, source: storedSchedule?.source.path, configDir: chosen });
    }
  }
  for (const one of listed) {
    if (named !== undefined && one.configDir !== chosen) continue;
    found.set(one.name, one);
  }
  return [...found.values()];
}

/** The installed schedule that the user means; throws if none or several match. */
export function chooseInstalled(
  installed: readonly Installed[],
  { file, name }: InstalledSelector,
  host: Host,
): Installed {
  if (file !== undefined && name !== undefined)
    throw new UsageError("both a file and --name were given", "Give only one of them.");
  const source = file === undefined ? undefined : resolve(host.cwd, file);
  const isMeant = source === undefined ? () => true : sameSource(source, { goneCounts: false });
  const meant = installed.filter(
    (one) =>
      (name === undefined || one.name === name) &&
      (one.source === undefined ? source === undefined : isMeant(one.source)),
  );
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  const names = installed.map((one) => `${one.name}${one.source === undefined ? "" : ` (${one.source})`}`).join(", ");
  if (only !== undefined)
    throw new UsageError(`${meant.length} schedules are installed: ${names}`, "Choose one: --name NAME.");
  const what = source ?? name;
  throw new SchedError(what === undefined ? "no schedule is installed here" : `no schedule ${what} is installed here`, {
    exitCode: EXIT.noInput,
    hint:
      names === ""
        ? "If it is installed in another config directory, name that one with --config-dir DIR or PIPELINEWISE_CONFIG_DIRECTORY."
        : `Installed: ${names}.`,
  });
}
