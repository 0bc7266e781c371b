import { basename, dirname, join, resolve } from "node:path";
import { errorCode, StoreError, TooLargeError } from "../../errors.ts";
import type { StoredTexts } from "../../installed/restore.ts";
import { ensureDirectory, findStateDirectory } from "../../storage/directory.ts";
import { createStateFile, readStateFile, readTrustedFile, removeStateFile } from "../../storage/file.ts";
import { readdir } from "../../storage/fs.ts";
import { backupsDir, installFile, type StatePaths, scheduleFile } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";

const MOST_KEPT = 20;
const NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3}Z)\.crontab$/;

/** The stored files of the schedules in a crontab, by schedule. */
export type StoredCopies = ReadonlyMap<string, StoredTexts>;

/** Location of the backups of one host and user. */
export interface BackupLocation {
  readonly paths: StatePaths;
  readonly host: string;
  readonly user: string;
  readonly uid: number;
}

const directoryOf = ({ paths, host, user }: BackupLocation): string => backupsDir(paths, host, user);

const nameAt = (at: Date): string => `${at.toISOString().replace(/[-:]/g, "")}.crontab`;

/** The time at which a backup was written, from its name; NaN if the name is not one of a backup. */
const timeOf = (name: string): number => (NAME.test(name) ? Date.parse(name.replace(NAME, "$1-$2-$3T$4:$5:$6")) : NaN);

/** Names of the kept crontabs, oldest first. */
async function listBackups(place: BackupLocation): Promise<readonly string[]> {
  try {
    return (await readdir(directoryOf(place))).filter((name) => !Number.isNaN(timeOf(name))).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw ioError("read", directoryOf(place), error);
  }
}

/** Paths of the two stored files, beside a backup or where a run reads them. */
interface StoredPaths {
  readonly schedule: string;
  readonly install: string;
}

export const storedPaths = ({ paths, host }: BackupLocation, name: string): StoredPaths => ({
  schedule: scheduleFile(paths, name),
  install: installFile(paths, name, host),
});

/** Begin of the names of a backup's files: the crontab, and copies of the stored files of its schedules. */
const stemOf = (backup: string): string => backup.slice(0, -"crontab".length);

function copyPaths(place: BackupLocation, backup: string, name: string): StoredPaths {
  const { schedule, install } = storedPaths(place, name);
  return { schedule: `${stemOf(backup)}${basename(schedule)}`, install: `${stemOf(backup)}${basename(install)}` };
}

/** Reads both stored files; `undefined` if one is missing. */
async function readTexts(
  { schedule, install }: StoredPaths,
  read: (path: string) => Promise<string | undefined>,
): Promise<StoredTexts | undefined> {
  const texts = { schedule: await read(schedule), install: await read(install) };
  return texts.schedule === undefined || texts.install === undefined
    ? undefined
    : { schedule: texts.schedule, install: texts.install };
}

async function readAll(
  names: readonly string[],
  read: (name: string) => Promise<StoredTexts | undefined>,
): Promise<StoredCopies> {
  const found = new Map<string, StoredTexts>();
  for (const name of names) {
    const texts = await read(name);
    if (texts !== undefined) found.set(name, texts);
  }
  return found;
}

/** The text of a stored file; `undefined` also if it is too large to be one, so that it is not backed up. */
async function readUnlessTooLarge(path: string): Promise<string | undefined> {
  try {
    return await readStateFile(path);
  } catch (error) {
    if (error instanceof TooLargeError) return undefined;
    throw error;
  }
}

/** Hint about a backup that cannot be used. */
export const OTHER_BACKUP = "Choose another backup, or run `install` with the schedule file.";

/** Reads a file for a restore. @param hint what to do if it is too large to be read */
async function readOr(hint: string, read: Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await read;
  } catch (error) {
    throw error instanceof TooLargeError ? new StoreError(error.message, { hint, cause: error }) : error;
  }
}

/** Reads a stored file that a restore replaces; `undefined` if it does not exist. */
export const readReplaced = (path: string): Promise<string | undefined> =>
  readOr(
    "Run `install` with the schedule file, which replaces this file. Then restore the backup.",
    readStateFile(path),
  );

/** Reads the stored files of schedules as they are now. */
export async function readStoredTexts(place: BackupLocation, names: readonly string[]): Promise<StoredCopies> {
  if ((await findStateDirectory(place.paths.configDir, place.uid)) === undefined) return new Map();
  return readAll(names, (name) => readTexts(storedPaths(place, name), readUnlessTooLarge));
}

/** Reads the stored files that a backup contains. @param backup path of its crontab */
export function readCopies(place: BackupLocation, backup: string, names: readonly string[]): Promise<StoredCopies> {
  const read = (path: string): Promise<string | undefined> =>
    readOr(OTHER_BACKUP, readTrustedFile(path, trusted(place)));
  return readAll(names, (name) => readTexts(copyPaths(place, backup, name), read));
}

/** Root does not trust backups of the config directory's owner, because they would become root's crontab. */
const trusted = ({ uid }: BackupLocation): readonly number[] => [...new Set([uid, 0])];

/** A crontab before a change, and the stored files of its schedules. */
export interface BackupContent {
  readonly crontab: string;
  readonly stored: StoredCopies;
}

/** Writes a backup before a change, and keeps the newest twenty. Returns the path of its crontab. @param at now */
export async function writeBackup(
  place: BackupLocation,
  { crontab, stored }: BackupContent,
  at: Date,
): Promise<string> {
  const directory = directoryOf(place);
  await ensureDirectory(place.paths, directory, place.uid);
  // Names stay in order, so that the newest is the last: also after a clock that was ahead, and within a millisecond.
  const taken = await listBackups(place);
  const newest = taken.at(-1);
  const name = nameAt(new Date(Math.max(at.getTime(), newest === undefined ? 0 : timeOf(newest) + 1)));
  const path = join(directory, name);
  try {
    await createStateFile(path, crontab, { encoding: "latin1", sync: true });
    for (const [name, texts] of stored) {
      const copies = copyPaths(place, path, name);
      await createStateFile(copies.schedule, texts.schedule, { sync: true });
      await createStateFile(copies.install, texts.install, { sync: true });
    }
  } catch (error) {
    throw ioError("write the crontab backup", path, error);
  }
  const old = taken.slice(0, 1 - MOST_KEPT).map(stemOf);
  for (const file of old.length === 0 ? [] : await readdir(directory)) {
    if (old.some((stem) => file.startsWith(stem))) await removeStateFile(join(directory, file));
  }
  return path;
}

/**
 * Reads a backup: the newest, or the one with the given path or name.
 *
 * @param cwd directory against which a relative path is resolved
 */
export async function readBackup(
  place: BackupLocation,
  wanted: string | undefined,
  cwd: string,
): Promise<{ readonly path: string; readonly text: string }> {
  const directory = directoryOf(place);
  const names = await listBackups(place);
  const newest = names.at(-1);
  if (newest === undefined) {
    throw new StoreError(`there is no backup of ${place.user}'s crontab on ${place.host} in ${directory}`, {
      hint: "`install` and `uninstall` write a backup before each change.",
    });
  }
  const path =
    wanted === undefined
      ? join(directory, newest)
      : wanted.includes("/")
        ? resolve(cwd, wanted)
        : join(directory, wanted);
  if (dirname(path) !== directory) {
    throw new StoreError(`${path} is not a backup of ${place.user}'s crontab on ${place.host}`, {
      hint: `Choose one in ${directory}; the newest is ${newest}. To use a crontab of another host or user, check it and install it by hand: \`crontab FILE\`.`,
    });
  }
  const text = NAME.test(basename(path))
    ? await readOr(OTHER_BACKUP, readTrustedFile(path, trusted(place), "latin1"))
    : undefined;
  if (text === undefined) {
    throw new StoreError(`there is no backup ${basename(path)} in ${directory}`, {
      hint: `Available backups: ${names.join(", ")}`,
    });
  }
  return { path, text };
}
