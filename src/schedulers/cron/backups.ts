import { basename, dirname, join, resolve } from "node:path";
import { errorCode, StoreError } from "../../errors.ts";
import { ensureFolder } from "../../storage/directory.ts";
import { createStateFile, readTrustedFile, removeStateFile } from "../../storage/file.ts";
import { readdir } from "../../storage/fs.ts";
import { backupsDir, type StatePaths } from "../../storage/paths.ts";
import { storeFault } from "../../storage/store-error.ts";

const MOST_KEPT = 20;
const NAME = /^\d{8}T\d{6}\.\d{3}Z\.crontab$/;

/** The host and the user whose backups these are. */
export interface BackupPlace {
  readonly paths: StatePaths;
  readonly host: string;
  readonly user: string;
  readonly uid: number;
}

const folderOf = ({ paths, host, user }: BackupPlace): string => backupsDir(paths, host, user);

const nameAt = (at: Date): string => `${at.toISOString().replace(/[-:]/g, "")}.crontab`;

/** Names of the kept crontabs, oldest first. */
async function listBackups(place: BackupPlace): Promise<readonly string[]> {
  try {
    return (await readdir(folderOf(place))).filter((name) => NAME.test(name)).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw storeFault("read", folderOf(place), error);
  }
}

/** Writes a backup of a crontab before a change, and keeps the newest twenty. Returns the path. @param at now */
export async function writeBackup(place: BackupPlace, crontab: string, at: Date): Promise<string> {
  const folder = folderOf(place);
  await ensureFolder(place.paths, folder, place.uid);
  // Two changes in one millisecond: the later one is named a millisecond later, so that names stay in order.
  const taken = await listBackups(place);
  let name = nameAt(at);
  for (let ms = at.getTime() + 1; taken.includes(name); ms++) name = nameAt(new Date(ms));
  const path = join(folder, name);
  try {
    await createStateFile(path, crontab, { encoding: "latin1", sync: true });
  } catch (error) {
    throw storeFault("write the crontab backup", path, error);
  }
  for (const old of [...taken, name].sort().slice(0, -MOST_KEPT)) await removeStateFile(join(folder, old));
  return path;
}

/**
 * Reads a backup: the newest, or the one with the given path or name.
 *
 * @param cwd directory against which a relative path is resolved
 */
export async function readBackup(
  place: BackupPlace,
  wanted: string | undefined,
  cwd: string,
): Promise<{ readonly path: string; readonly text: string }> {
  const folder = folderOf(place);
  const names = await listBackups(place);
  const newest = names.at(-1);
  if (newest === undefined) {
    throw new StoreError(`there is no backup of ${place.user}'s crontab on ${place.host} in ${folder}`, {
      hint: "`install` and `uninstall` write a backup before each change.",
    });
  }
  const path =
    wanted === undefined ? join(folder, newest) : wanted.includes("/") ? resolve(cwd, wanted) : join(folder, wanted);
  if (dirname(path) !== folder) {
    throw new StoreError(`${path} is not a backup of ${place.user}'s crontab on ${place.host}`, {
      hint: `Choose one in ${folder}; the newest is ${newest}. To use a crontab of another host or user, check it and install it by hand: \`crontab FILE\`.`,
    });
  }
  // Not those of the config directory's owner for root: they would become root's crontab.
  const owners = [...new Set([place.uid, 0])];
  const text = NAME.test(basename(path)) ? await readTrustedFile(path, owners, "latin1") : undefined;
  if (text === undefined) {
    throw new StoreError(`there is no backup ${basename(path)} in ${folder}`, {
      hint: `Available backups: ${names.join(", ")}`,
    });
  }
  return { path, text };
}
