import { errorCode, errorMessage, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { nameFault } from "../pipeline-id.ts";
import { checkFolder, trustedOwners } from "../storage/directory.ts";
import { readTrustedFile } from "../storage/file.ts";
import { readdir } from "../storage/fs.ts";
import { hostFile, meaningFile, type StatePaths, schedulesDir } from "../storage/paths.ts";
import { storeFault } from "../storage/store-error.ts";
import { decodeHostSchedule, decodeMeaning } from "./decode.ts";
import type { CompiledSchedule, HostSchedule } from "./schedule.ts";

/** A stored schedule of a config directory, with this host's stored install. */
export interface InstalledSchedule {
  readonly meaning: CompiledSchedule;
  /** The stored text. If its `digestOf` is not `host.meaningDigest`, this host's lines are outdated. */
  readonly meaningText: string;
  /** `undefined` where this host has not installed it. */
  readonly host: HostSchedule | undefined;
}

type Reader = Pick<Host, "name" | "uid">;

function decoded<T>(path: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new StoreError(`${path} is not a stored schedule that this version can read: ${errorMessage(error)}`, {
      cause: error,
      hint: "Install it again from its schedule file: `pipelinewise-sched install FILE`.",
    });
  }
}

/**
 * Reads a stored schedule by its name; `undefined` if there is none. The file names commands that are run, so the
 * function rejects one that is invalid, that others may write, or that belongs to none of `trustedOwners`.
 */
export async function readCompiled(
  paths: StatePaths,
  name: string,
  { name: host, uid }: Reader,
): Promise<InstalledSchedule | undefined> {
  const owners = await trustedOwners(paths.configDir, uid);
  await checkFolder(paths, schedulesDir(paths), uid);
  const [path, hostPath] = [meaningFile(paths, name), hostFile(paths, name, host)];
  const [text, hostText] = await Promise.all([readTrustedFile(path, owners), readTrustedFile(hostPath, owners)]);
  if (text === undefined) return undefined;
  return {
    meaning: decoded(path, () => decodeMeaning(text, name)),
    meaningText: text,
    host: hostText === undefined ? undefined : decoded(hostPath, () => decodeHostSchedule(hostText, name, host)),
  };
}

async function fileNames(paths: StatePaths): Promise<readonly string[]> {
  const folder = schedulesDir(paths);
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw storeFault("read", folder, error);
  }
}

const ENDING = ".json";

/** Names of the stored schedules, in order. */
export async function listScheduleNames(paths: StatePaths): Promise<readonly string[]> {
  return (await fileNames(paths))
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .filter((name) => nameFault(name) === undefined);
}

/** Names of the hosts that have installed a schedule, in order. */
export async function listScheduleHosts(paths: StatePaths, name: string): Promise<readonly string[]> {
  return (await fileNames(paths))
    .filter(
      (file) => file.startsWith(`${name}.`) && file.endsWith(ENDING) && file.length > name.length + 1 + ENDING.length,
    )
    .map((file) => file.slice(name.length + 1, -ENDING.length));
}

/** All stored schedules of a config directory, by name. */
export async function listCompiled(paths: StatePaths, host: Reader): Promise<readonly InstalledSchedule[]> {
  const names = await listScheduleNames(paths);
  const found = await Promise.all(names.map((name) => readCompiled(paths, name, host)));
  return found.filter((one) => one !== undefined);
}
