import { constants } from "node:fs";
import { errorCode, StoreError } from "../errors.ts";
import { lstat, mkdir, open, readdir, rename, rmdir, touch, unlink } from "../storage/fs.ts";
import { systemCode } from "../storage/store-error.ts";
import type { UnrecordedEnd } from "./lock.ts";
import { tokenFileName, tokenInName } from "./owner-record.ts";

/** File times as the file server reports them. */
interface FileTimes {
  /** Last change, always by the file server's clock. */
  readonly ctimeMs: number;
  /** Last heartbeat by the clock of the host that wrote it. Only shown to people. */
  readonly mtime: Date;
}

/** File operations that the lock needs, one step each. A test can implement them, count them or make them fail. */
export interface LockFs {
  makeDirectory(path: string): Promise<void>;
  /** Fails if the file exists; resolves when the text is on the disk. */
  create(path: string, text: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  /** Kind of the entry at the path. Does not follow links. */
  kind(path: string): Promise<"directory" | "link" | "other">;
  read(path: string): Promise<string>;
  /** Times from the server, not from the NFS client's cache: an NFS client only asks the server when it opens the file. */
  times(path: string): Promise<FileTimes>;
  /** Sets both times of the file that has this name now; never creates the file. Has no timeout. */
  touch(path: string, at: Date): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW;

/** Turns ESTALE into ENOENT: NFS reports it for a file that another host removed during the operation. */
async function orMissing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (systemCode(error) !== "ESTALE") throw error;
    throw Object.assign(new Error("another host has removed it", { cause: error }), { code: "ENOENT" });
  }
}

async function create(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await file.writeText(text, "utf8");
    await file.sync();
  } finally {
    await file.close();
  }
}

async function kindOf(path: string): Promise<"directory" | "link" | "other"> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) return "link";
  return found.isDirectory() ? "directory" : "other";
}

async function read(path: string): Promise<string> {
  const file = await open(path, READ);
  return file.readText("utf8").finally(() => file.close());
}

async function times(path: string): Promise<FileTimes> {
  const file = await open(path, READ);
  return file.stat().finally(() => file.close());
}

/** File operations on the real file system. Only a heartbeat waits longer than a minute for a network file system. */
export const diskLockFs: LockFs = {
  makeDirectory: (path) => mkdir(path, { mode: 0o700 }),
  create: (path, text) => orMissing(create(path, text)),
  list: (path) => orMissing(readdir(path)),
  kind: (path) => orMissing(kindOf(path)),
  read: (path) => orMissing(read(path)),
  times: (path) => orMissing(times(path)),
  // No ESTALE here: a network file system that has just come back must not decide that the lock is lost.
  touch,
  rename: (from, to) => orMissing(rename(from, to)),
  removeFile: (path) => orMissing(unlink(path)),
  removeDirectory: (path) => orMissing(rmdir(path)),
};

/** State of the lock directory. */
export type DirectoryState =
  | { readonly kind: "absent" }
  /** Its creator died, or is about to write its token. */
  | { readonly kind: "empty" }
  | { readonly kind: "tokens"; readonly tokens: readonly string[] };

/** Whether NFS keeps a removed file under this name while a process has it open. */
const isLeftByNfs = (name: string): boolean => name.startsWith(".nfs");

async function readExisting(files: LockFs, directory: string): Promise<DirectoryState> {
  const kind = await files.kind(directory);
  if (kind !== "directory") {
    throw new StoreError(
      `${directory} is ${kind === "link" ? "a symbolic link" : "not a directory"}, so it cannot be a lock`,
      {
        hint: "Check it, then remove it: only this program should write there.",
      },
    );
  }
  const names = (await files.list(directory)).filter((name) => !isLeftByNfs(name));
  const stray = names.find((name) => tokenInName(name) === undefined);
  if (stray !== undefined) {
    throw new StoreError(`${directory} contains "${stray}", which this program did not create`, {
      hint: "Check that file, then remove it: a lock directory contains only the owner record.",
    });
  }
  const tokens = names.flatMap((name) => tokenInName(name) ?? []);
  return tokens.length === 0 ? { kind: "empty" } : { kind: "tokens", tokens };
}

/** Reads the lock directory. Refuses links and unknown files. */
export async function readLockDirectory(files: LockFs, directory: string): Promise<DirectoryState> {
  try {
    return await readExisting(files, directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { kind: "absent" };
    throw error;
  }
}

async function exists(files: LockFs, path: string): Promise<boolean> {
  return files.kind(path).then(
    () => true,
    () => false,
  );
}

/**
 * Moves a token out of the lock directory. The first process that does so gets the new path, beside the directory; all
 * others get `undefined`.
 *
 * The token is renamed, not removed: over NFS a directory cannot be removed while a process has a removed file in it open.
 *
 * @param by unique, so that a rename that the NFS client sent twice (the first answer was lost) counts as this process's own
 */
export async function detachToken(
  files: LockFs,
  directory: string,
  token: string,
  by: string,
): Promise<string | undefined> {
  const tombstone = tombstoneFile(directory, token, by);
  const taken = await renameOnce(files, `${directory}/${tokenFileName(token)}`, tombstone);
  return taken ? tombstone : undefined;
}

/** Value of `by` if a holder moved its own token. */
export const OWNER = "owner";

/**
 * Value of `by` for a run whose end could not be recorded. It is part of the file name, because a full disk may have no
 * room for content.
 *
 * @param nonce hexadecimal, if another process has moved the file
 */
export const renderEnd = ({ outcome, exitCode, endedAt }: UnrecordedEnd, nonce?: string): string =>
  ["ended", outcome, exitCode, endedAt.getTime(), ...(nonce === undefined ? [] : [nonce])].join("_");

/** Reads such a value; `undefined` for any other. */
export function parseEnd(by: string): UnrecordedEnd | undefined {
  const [, outcome, exitCode, endedAt] = /^ended_([a-z-]+)_(\d{1,3})_(\d{1,15})(?:_[0-9a-f]+)?$/.exec(by) ?? [];
  if (outcome === undefined) return undefined;
  return { outcome, exitCode: Number(exitCode), endedAt: new Date(Number(endedAt)) };
}

/** Path of a token that was moved out of the lock directory, until the process that moved it has finished. */
export const tombstoneFile = (directory: string, token: string, by: string): string =>
  `${directory}.${token}.${by}.gone`;

/** Renames a file. @returns whether this process did it; `to` must be a name that only this process uses */
export async function renameOnce(files: LockFs, from: string, to: string): Promise<boolean> {
  try {
    await files.rename(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return exists(files, to);
  }
}

/** Removes this process's own token, without a report of a dead run. @returns whether it existed */
export async function removeToken(files: LockFs, directory: string, token: string, by: string): Promise<boolean> {
  const tombstone = await detachToken(files, directory, token, by);
  if (tombstone === undefined) return false;
  // The lock is free. A file that cannot be removed here does no harm.
  await files.removeFile(tombstone).catch(() => {});
  return true;
}

/** Removes the lock directory if it is empty. A lock that is held is never empty. */
export async function removeIfEmpty(files: LockFs, directory: string): Promise<void> {
  try {
    await files.removeDirectory(directory);
  } catch (error) {
    const code = errorCode(error) ?? "";
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(code)) throw error;
  }
}
