import type { Stats } from "node:fs";
import { dirname, sep } from "node:path";
import { errorCode, StoreError } from "../errors.ts";
import { anchorOf } from "./anchor.ts";
import { lstat, mkdir, stat } from "./fs.ts";
import { type StatePaths, statePaths } from "./paths.ts";
import { storeFault } from "./store-error.ts";

const FOLDER_MODE = 0o700;
const WRITABLE_BY_OTHERS = 0o022;

/** `.sched`, looked at and found safe. */
export interface StateFolder {
  readonly paths: StatePaths;
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw storeFault("check", path, error);
  }
}

/**
 * Throws unless `found` is a folder that only its owner writes, and that owner is one of `owners`: what stands in it
 * names commands that we run.
 */
function demandSafeFolder(path: string, found: Stats, owners: readonly number[]): void {
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
    throw new StoreError(`${path} can be written by others (mode ${(found.mode & 0o777).toString(8)})`, {
      hint: `Check its files, which contain commands that are run. Then: chmod go-w ${path}`,
    });
  }
}

async function configDirStats(configDir: string): Promise<Stats> {
  try {
    return await (anchorOf(configDir)?.stats() ?? stat(configDir));
  } catch (error) {
    throw storeFault("check the config directory", configDir, error);
  }
}

/** Root gives its files to the config directory's owner; what another user writes there is that user's. */
const strangerWarnings = (configDir: string, home: Stats, uid: number): readonly string[] =>
  home.uid === uid || uid === 0
    ? []
    : [`${configDir} belongs to user ${home.uid}, who cannot use the files that you write there as user ${uid}`];

/** What is odd about writing into a config directory, one sentence each; it is used all the same. */
export async function configDirWarnings(configDir: string, uid: number): Promise<readonly string[]> {
  const home = await configDirStats(configDir);
  return [...warningsOf(configDir, home), ...strangerWarnings(configDir, home, uid)];
}

function warningsOf(configDir: string, { mode }: Stats): readonly string[] {
  if ((mode & WRITABLE_BY_OTHERS) === 0) return [];
  return [
    `${configDir} can be written by others (mode ${(mode & 0o7777).toString(8)}): they can change what your pipelines do; chmod go-w ${configDir}`,
  ];
}

/**
 * User ids whose files in a config directory are trusted: our own, root's, and for root those of the directory's owner.
 *
 * Root runs what that owner's config directory says in any case, gives the files that it makes there to the owner, and
 * is asked to stop by a file of the owner's.
 *
 * @param uid user we act as
 */
export async function trustedOwners(configDir: string, uid: number): Promise<readonly number[]> {
  return [...new Set([uid, uid === 0 ? (await configDirStats(configDir)).uid : 0])];
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: FOLDER_MODE });
  } catch (error) {
    // Another process of ours may have been quicker; the look that follows judges what it made.
    if (errorCode(error) !== "EEXIST") throw storeFault("create the directory", path, error);
  }
}

/** `.sched` if it is there; `undefined` where nothing of ours was written yet. Makes nothing. @param uid user we act as */
export async function findStateFolder(configDir: string, uid: number): Promise<StateFolder | undefined> {
  const paths = statePaths(configDir);
  const home = await configDirStats(configDir);
  const found = await lookAt(paths.root);
  if (found === undefined) return undefined;
  demandSafeFolder(paths.root, found, [...new Set([uid, home.uid])]);
  return { paths, warnings: warningsOf(configDir, home) };
}

/**
 * `.sched`, made (0700) where it is missing. Refused in a config directory of another user, who could not use what we
 * would write there; root is let in, and gives it to that user.
 *
 * @param uid user we act as
 */
export async function openStateFolder(configDir: string, uid: number): Promise<StateFolder> {
  const found = await findStateFolder(configDir, uid);
  if (found !== undefined) return found;
  const home = await configDirStats(configDir);
  if (home.uid !== uid && uid !== 0) {
    throw new StoreError(`the config directory ${configDir} belongs to user ${home.uid}, and you are user ${uid}`, {
      hint: "Run this as its owner, or name your own config directory with --config-dir.",
    });
  }
  await makeFolder(statePaths(configDir).root);
  const made = await findStateFolder(configDir, uid);
  if (made === undefined) throw new StoreError(`${statePaths(configDir).root} was removed while this process used it`);
  return { paths: made.paths, warnings: [...made.warnings, ...strangerWarnings(configDir, home, uid)] };
}

/** The folders from below `.sched` down to `folder`, outermost first. */
function chainOf(paths: StatePaths, folder: string): readonly string[] {
  const parts = folder.slice(paths.root.length + 1).split(sep);
  return parts.map((_, index) => [paths.root, ...parts.slice(0, index + 1)].join(sep));
}

async function walkFolders(paths: StatePaths, folder: string, uid: number, make: boolean): Promise<void> {
  const owner = await lookAt(paths.root);
  const others = uid === 0 ? await trustedOwners(paths.configDir, uid) : [];
  const owners = [...new Set([uid, ...others, owner?.uid ?? uid])];
  for (const part of chainOf(paths, folder)) {
    let found = await lookAt(part);
    if (found === undefined) {
      if (!make) return;
      await makeFolder(part);
      found = await lookAt(part);
    }
    if (found === undefined) throw new StoreError(`${dirname(part)} was removed while this process used it`);
    demandSafeFolder(part, found, owners);
  }
}

/** Makes a folder below `.sched` and what leads to it, 0700 each; links, strangers' and open folders are refused. */
export const ensureFolder = (paths: StatePaths, folder: string, uid: number): Promise<void> =>
  walkFolders(paths, folder, uid, true);

/** Refuses the same in a folder below `.sched` that is only read; it is fine when it is not there. */
export const checkFolder = (paths: StatePaths, folder: string, uid: number): Promise<void> =>
  walkFolders(paths, folder, uid, false);
