import { errorCode, errorMessage, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { nameError } from "../pipeline-id.ts";
import { checkDirectory, trustedOwners } from "../storage/directory.ts";
import { readTrustedFile } from "../storage/file.ts";
import { readdir } from "../storage/fs.ts";
import { ANY_HOST, installFile, type StatePaths, scheduleFile, schedulesDir } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { decodeStoredInstall, decodeStoredSchedule } from "./decode.ts";
import type { StoredInstall, StoredSchedule } from "./schedule.ts";

/** A stored schedule of a config directory, with this host's stored install. */
export interface InstalledSchedule {
  readonly storedSchedule: StoredSchedule;
  /** The stored text. If its `digestOf` is not `host.meaningDigest`, this host's lines are outdated. */
  readonly scheduleText: string;
  /** This host's own, otherwise the one for any host; `undefined` if there is neither. */
  readonly host: StoredInstall | undefined;
  /** Without `host`: the name that this machine probably had when the schedule was installed. */
  readonly formerHost: string | undefined;
}

type Reader = Pick<Host, "name" | "uid" | "root">;

function decoded<T>(path: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new StoreError(`${path} is not a stored schedule that this version can read: ${errorMessage(error)}`, {
      cause: error,
      hint: "Install it again from its schedule file: `pipelinewise-sched install FILE`. On a worker of Airflow or Cronicle, add --compile-only.",
    });
  }
}

/**
 * Reads a stored schedule by its name; `undefined` if there is none. The file names commands that are run, so the
 * function rejects one that is invalid, that others may write, or that belongs to none of `trustedOwners`.
 */
export async function readStored(
  paths: StatePaths,
  name: string,
  reader: Reader,
): Promise<InstalledSchedule | undefined> {
  const { name: host, uid } = reader;
  const owners = await trustedOwners(paths.configDir, uid);
  await checkDirectory(paths, schedulesDir(paths), uid);
  const path = scheduleFile(paths, name);
  const readInstall = async (of: string): Promise<StoredInstall | undefined> => {
    const hostPath = installFile(paths, name, of);
    const installText = await readTrustedFile(hostPath, owners);
    return installText === undefined ? undefined : decoded(hostPath, () => decodeStoredInstall(installText, name, of));
  };
  const findFormerHost = async (): Promise<string | undefined> => {
    const others = await listScheduleHosts(paths, name);
    // Another host's file that cannot be read is that host's problem.
    const installs = await Promise.all(others.map((other) => readInstall(other).catch(() => undefined)));
    const { formerHostName } = await import("./former-host.ts");
    return formerHostName(
      installs.filter((one) => one !== undefined),
      reader,
    );
  };
  const text = await readTrustedFile(path, owners);
  if (text === undefined) return undefined;
  const install = (await readInstall(host)) ?? (await readInstall(ANY_HOST));
  return {
    storedSchedule: decoded(path, () => decodeStoredSchedule(text, name)),
    scheduleText: text,
    host: install,
    formerHost: install === undefined ? await findFormerHost() : undefined,
  };
}

async function fileNames(paths: StatePaths): Promise<readonly string[]> {
  const directory = schedulesDir(paths);
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw ioError("read", directory, error);
  }
}

const ENDING = ".json";

/** Names of the stored schedules, in order. */
export async function listScheduleNames(paths: StatePaths): Promise<readonly string[]> {
  return (await fileNames(paths))
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .filter((name) => nameError(name) === undefined);
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
export async function listStored(paths: StatePaths, host: Reader): Promise<readonly InstalledSchedule[]> {
  await checkDirectory(paths, schedulesDir(paths), host.uid);
  const names = await listScheduleNames(paths);
  const found = await Promise.all(names.map((name) => readStored(paths, name, host)));
  return found.filter((one) => one !== undefined);
}
