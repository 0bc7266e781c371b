import type { Stats } from "node:fs";
import { dirname, sep } from "node:path";
import { errorCode, StoreError } from "../errors.ts";
import { anchorOf } from "./anchor.ts";
import { lstat, mkdir, stat } from "./fs.ts";
import { renderMode, WRITABLE_BY_OTHERS } from "./modes.ts";
import { type StatePaths, statePaths } from "./paths.ts";
import { ioError } from "./store-error.ts";

const FOLDER_MODE = 0o700;

/** `.sched` after a check that it is safe to use. */
export interface StateDirectory {
  readonly paths: StatePaths;
  /** Warnings for the user, one sentence each. */
  readonly warnings: readonly string[];
}

async function lookAt(path: string, uid: number): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw errorCode(error) === "EACCES" ? await deniedError(path, uid, error) : ioError("check", path, error);
  }
}

/** The error of a path that this user may not look at. It names the owner of the directory that denies it. */
async function deniedError(path: string, uid: number, error: unknown): Promise<StoreError> {
  const fault = ioError("check", path, error);
  const directory = dirname(path);
  const owner = await stat(directory).catch(() => undefined);
  if (owner === undefined || owner.uid === uid) return fault;
  return new StoreError(`${fault.message}; ${directory} belongs to user ${owner.uid}`, {
    cause: error,
    hint: "Run this as its owner, or name your own config directory with --config-dir.",
  });
}

/**
 * Throws unless `found` is a directory that only its owner can write, and its owner is one of `owners`. Its files name
 * commands that this program runs.
 */
function assertSafeDirectory(path: string, found: Stats, owners: readonly number[]): void {
  if (found.isSymbolicLink()) {
    throw new StoreError(`${path} is a symbolic link; links are refused inside .sched`, {
      hint: "Replace the link with a real directory. To store the state elsewhere, make the config directory itself a link.",
    });
  }
  if (!found.isDirectory())
    throw new StoreError(`${path} is not a directory`, { hint: "Move it to another directory." });
  if (!owners.includes(found.uid)) {
    throw new StoreError(
      `${path} belongs to user ${found.uid}, not to ${owners.map((uid) => `user ${uid}`).join(" or ")}`,
      {
        hint: "Another user created it. Check it, then move it to another directory or give it to the config directory's owner.",
      },
    );
  }
  if ((found.mode & WRITABLE_BY_OTHERS) !== 0) {
    throw new StoreError(`${path} can be written by others (mode ${renderMode(found.mode)})`, {
      hint: `Check its files, which contain commands that are run. Then: chmod go-w ${path}`,
    });
  }
}

/** Attributes of a config directory. */
export async function configDirStats(configDir: string): Promise<Stats> {
  try {
    return await (anchorOf(configDir)?.stats() ?? stat(configDir));
  } catch (error) {
    throw ioError("check the config directory", configDir, error);
  }
}

/** Root gives its files to the config directory's owner; another user's files stay that user's. */
const strangerWarnings = (configDir: string, home: Stats, uid: number): readonly string[] =>
  home.uid === uid || uid === 0
    ? []
    : [`${configDir} belongs to user ${home.uid}, who cannot use the files that you write there as user ${uid}`];

/** Warnings about the owner and mode of a config directory, one sentence each. They do not prevent its use. */
export async function configDirWarnings(configDir: string, uid: number): Promise<readonly string[]> {
  const home = await configDirStats(configDir);
  return [...warningsOf(configDir, home), ...strangerWarnings(configDir, home, uid)];
}

function warningsOf(configDir: string, { mode }: Stats): readonly string[] {
  if ((mode & WRITABLE_BY_OTHERS) === 0) return [];
  return [
    `${configDir} can be written by others (mode ${renderMode(mode)}): they can change what your pipelines do; chmod go-w ${configDir}`,
  ];
}

/**
 * User ids whose files in a config directory are trusted: this user's, root's, and for root the directory owner's.
 *
 * Root runs the commands in that owner's config directory in any case, gives the files that it creates there to the
 * owner, and obeys the owner's stop requests.
 *
 * @param uid user of this process
 */
export async function trustedOwners(configDir: string, uid: number): Promise<readonly number[]> {
  return [...new Set([uid, uid === 0 ? (await configDirStats(configDir)).uid : 0])];
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (error) {
    // Another process of this program may have created it first; the caller checks the result.
    if (errorCode(error) !== "EEXIST") throw ioError("create the directory", path, error);
  }
}

/** Finds `.sched`; `undefined` if it does not exist yet. Creates nothing. @param uid user of this process */
export async function findStateDirectory(configDir: string, uid: number): Promise<StateDirectory | undefined> {
  const paths = statePaths(configDir);
  const home = await configDirStats(configDir);
  const found = await lookAt(paths.root, uid);
  if (found === undefined) return undefined;
  assertSafeDirectory(paths.root, found, [...new Set([uid, home.uid])]);
  return { paths, warnings: warningsOf(configDir, home) };
}

/**
 * Opens `.sched`, and creates it with mode 0700 if it is missing. Throws if the config directory belongs to another user,
 * who could not use our files. Root may write there, and gives its files to that user.
 *
 * @param uid user of this process
 */
export async function openStateDirectory(configDir: string, uid: number): Promise<StateDirectory> {
  const found = await findStateDirectory(configDir, uid);
  if (found !== undefined) return found;
  const home = await configDirStats(configDir);
  if (home.uid !== uid && uid !== 0) {
    throw new StoreError(`the config directory ${configDir} belongs to user ${home.uid}, and you are user ${uid}`, {
      hint: "Run this as its owner, or name your own config directory with --config-dir.",
    });
  }
  await makeDirectory(statePaths(configDir).root);
  const made = await findStateDirectory(configDir, uid);
  if (made === undefined) throw new StoreError(`${statePaths(configDir).root} was removed while this process used it`);
  return made;
}

/** The directories from below `.sched` down to `directory`, outermost first. */
function chainOf(paths: StatePaths, directory: string): readonly string[] {
  const parts = directory.slice(paths.root.length + 1).split(sep);
  return parts.map((_, index) => [paths.root, ...parts.slice(0, index + 1)].join(sep));
}

async function walkDirectories(paths: StatePaths, directory: string, uid: number, make: boolean): Promise<void> {
  const owner = await lookAt(paths.root, uid);
  const others = uid === 0 ? await trustedOwners(paths.configDir, uid) : [];
  const owners = [...new Set([uid, ...others, owner?.uid ?? uid])];
  for (const part of chainOf(paths, directory)) {
    let found = await lookAt(part, uid);
    if (found === undefined) {
      if (!make) return;
      await makeDirectory(part);
      found = await lookAt(part, uid);
    }
    if (found === undefined) throw new StoreError(`${dirname(part)} was removed while this process used it`);
    assertSafeDirectory(part, found, owners);
  }
}

/**
 * Creates a directory below `.sched` and its parents, each with mode 0700. Throws for links, for directories of other
 * users, and for directories that others can write.
 */
export const ensureDirectory = (paths: StatePaths, directory: string, uid: number): Promise<void> =>
  walkDirectories(paths, directory, uid, true);

/** Like `ensureDirectory` for a directory that is only read: it may be missing, and nothing is created. */
export const checkDirectory = (paths: StatePaths, directory: string, uid: number): Promise<void> =>
  walkDirectories(paths, directory, uid, false);
