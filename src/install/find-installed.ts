import { resolve } from "node:path";
import { EXIT, SchedError, UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import { decodeHostSchedule, decodeMeaning } from "../installed/decode.ts";
import type { CompiledSchedule, HostSchedule } from "../installed/schedule.ts";
import { listScheduleNames, readCompiled } from "../installed/store.ts";
import { findBlocks } from "../schedulers/cron/block.ts";
import { resolveConfigDir } from "../storage/config-dir.ts";
import { checkFolder, findStateFolder } from "../storage/directory.ts";
import { readStateFile } from "../storage/file.ts";
import { hostFile, meaningFile, type StatePaths, schedulesDir, statePaths } from "../storage/paths.ts";

/** The stored files of one schedule, as `install` and `uninstall` find them. */
export interface StoredFiles {
  readonly meaningText: string | undefined;
  /** `undefined` also if the text cannot be decoded: `install` then overwrites it. */
  readonly meaning: CompiledSchedule | undefined;
  readonly hostText: string | undefined;
  readonly host: HostSchedule | undefined;
}

function decodedOrNot<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** Reads the stored files of a schedule; all are `undefined` if there is no `.sched` yet. Creates nothing. */
export async function readStoredFiles(paths: StatePaths, name: string, host: Host): Promise<StoredFiles> {
  const none = { meaningText: undefined, meaning: undefined, hostText: undefined, host: undefined };
  if ((await findStateFolder(paths.configDir, host.uid)) === undefined) return none;
  await checkFolder(paths, schedulesDir(paths), host.uid);
  const meaningText = await readStateFile(meaningFile(paths, name));
  const hostText = await readStateFile(hostFile(paths, name, host.name));
  return {
    meaningText,
    meaning: meaningText === undefined ? undefined : decodedOrNot(() => decodeMeaning(meaningText, name)),
    hostText,
    host: hostText === undefined ? undefined : decodedOrNot(() => decodeHostSchedule(hostText, name, host.name)),
  };
}

/**
 * The other schedules of a config directory. One that cannot be read is only a warning, because `install` cannot repair
 * it.
 */
export async function readOthers(
  paths: StatePaths,
  name: string,
  host: Host,
): Promise<{ readonly others: readonly CompiledSchedule[]; readonly warnings: readonly string[] }> {
  if ((await findStateFolder(paths.configDir, host.uid)) === undefined) return { others: [], warnings: [] };
  const others: CompiledSchedule[] = [];
  const warnings: string[] = [];
  for (const other of await listScheduleNames(paths)) {
    if (other === name) continue;
    try {
      const found = await readCompiled(paths, other, host);
      if (found !== undefined) others.push(found.meaning);
    } catch (error) {
      if (!(error instanceof SchedError)) throw error;
      warnings.push(`${error.message}; its entries were not compared with this schedule`);
    }
  }
  return { others, warnings };
}

/** How the user names an installed schedule: by its file, by its name, or not at all if there is only one. */
export interface InstalledWish {
  readonly file?: string | undefined;
  readonly name?: string | undefined;
  /** `--config-dir` */
  readonly configDir?: string | undefined;
}

/** A schedule that is installed here: in the crontab, in a config directory, or in both. */
export interface Installed {
  readonly name: string;
  /** Absolute path of its file; `undefined` if its stored text cannot be decoded. */
  readonly source: string | undefined;
  readonly configDir: string;
}

/** All installed schedules: those in the crontab, and those in the default or named config directory. */
export async function listInstalled(text: string, flag: string | undefined, host: Host): Promise<readonly Installed[]> {
  const found = new Map<string, Installed>();
  const blocks = findBlocks(text);
  const chosen = await resolveConfigDir(host, { flag }).catch((error) => {
    // A block names its own config directory, so an unknown default does not matter here.
    if (flag === undefined && blocks.length > 0 && error instanceof SchedError) return undefined;
    throw error;
  });
  if (chosen !== undefined && (await findStateFolder(chosen, host.uid)) !== undefined) {
    const paths = statePaths(chosen);
    for (const name of await listScheduleNames(paths)) {
      const { meaning, hostText } = await readStoredFiles(paths, name, host);
      if (hostText !== undefined) found.set(name, { name, source: meaning?.source.path, configDir: chosen });
    }
  }
  for (const { mark } of blocks) {
    if (flag !== undefined && mark.configDir !== chosen) continue;
    found.set(mark.name, mark);
  }
  return [...found.values()];
}

/** The installed schedule that the user means; throws if none or several match. */
export function chooseInstalled(installed: readonly Installed[], { file, name }: InstalledWish, host: Host): Installed {
  if (file !== undefined && name !== undefined)
    throw new UsageError("both a file and --name were given", "Give only one of them.");
  const source = file === undefined ? undefined : resolve(host.cwd, file);
  const meant = installed.filter(
    (one) => (name === undefined || one.name === name) && (source === undefined || one.source === source),
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
      names === "" ? "If its config directory is not the default, name it: --config-dir DIR." : `Installed: ${names}.`,
  });
}
