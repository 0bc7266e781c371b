import { constants } from "node:fs";
import { errorCode, StoreError } from "../errors.ts";
import { lstat, mkdir, open, readdir, rename, rmdir, touch, unlink } from "../storage/fs.ts";
import { systemCode } from "../storage/store-error.ts";
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
  makeFolder(path: string): Promise<void>;
  /** Fails where the file is there already; resolves when the text is on the disk. */
  create(path: string, text: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  /** Kind of the entry at the path. Does not follow links. */
  kind(path: string): Promise<"folder" | "link" | "other">;
  read(path: string): Promise<string>;
  /** Never from a client's cache: NFS shows others' changes for certain only to one who opens the file. */
  times(path: string): Promise<FileTimes>;
  /** Sets both times of the file that has this name now; never creates. However long it takes. */
  touch(path: string, at: Date): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW;

/** NFS may say ESTALE of what another host takes away while we are at it: it is not there any more. */
async function orGone<T>(work: Promise<T>): Promise<T> {
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

async function kindOf(path: string): Promise<"folder" | "link" | "other"> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) return "link";
  return found.isDirectory() ? "folder" : "other";
}

async function read(path: string): Promise<string> {
  const file = await open(path, READ);
  return file.readText("utf8").finally(() => file.close());
}

async function times(path: string): Promise<FileTimes> {
  const file = await open(path, READ);
  return file.stat().finally(() => file.close());
}

/** The real one. Nothing but a heartbeat waits for a share for longer than a minute. */
export const diskLockFs: LockFs = {
  makeFolder: (path) => mkdir(path, { mode: 0o700 }),
  create: (path, text) => orGone(create(path, text)),
  list: (path) => orGone(readdir(path)),
  kind: (path) => orGone(kindOf(path)),
  read: (path) => orGone(read(path)),
  times: (path) => orGone(times(path)),
  // Whether a holder has lost its lock is not to be told by a share that has only just come back.
  touch,
  rename: (from, to) => orGone(rename(from, to)),
  removeFile: (path) => orGone(unlink(path)),
  removeFolder: (path) => orGone(rmdir(path)),
};

/** State of the lock directory. */
export type FolderState =
  | { readonly kind: "absent" }
  /** Its maker died, or is about to put its token there. */
  | { readonly kind: "empty" }
  | { readonly kind: "tokens"; readonly tokens: readonly string[] };

/** NFS keeps a removed file under such a name while someone has it open. */
const isLeftByNfs = (name: string): boolean => name.startsWith(".nfs");

async function lookUnlessAbsent(files: LockFs, folder: string): Promise<FolderState> {
  const kind = await files.kind(folder);
  if (kind !== "folder") {
    throw new StoreError(
      `${folder} is ${kind === "link" ? "a symbolic link" : "not a directory"}, so it cannot be a lock`,
      {
        hint: "Check it, then remove it: only this program should write there.",
      },
    );
  }
  const names = (await files.list(folder)).filter((name) => !isLeftByNfs(name));
  const stray = names.find((name) => tokenInName(name) === undefined);
  if (stray !== undefined) {
    throw new StoreError(`${folder} contains "${stray}", which this program did not create`, {
      hint: "Check that file, then remove it: a lock directory contains only the owner record.",
    });
  }
  const tokens = names.flatMap((name) => tokenInName(name) ?? []);
  return tokens.length === 0 ? { kind: "empty" } : { kind: "tokens", tokens };
}

/** Reads the lock directory. Refuses links and unknown files. */
export async function readLockFolder(files: LockFs, folder: string): Promise<FolderState> {
  try {
    return await lookUnlessAbsent(files, folder);
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
 * Takes one token out of the folder: for whoever does it first its remains, beside the folder; for all others `undefined`.
 *
 * A rename and not a removal: a removed file that someone has open keeps its folder from being removed over NFS.
 *
 * @param by unique, so that a rename which the client sent twice (its first answer was lost) is told from another's
 */
export async function takeOut(files: LockFs, folder: string, token: string, by: string): Promise<string | undefined> {
  const remains = remainsFile(folder, token, by);
  const taken = await renameOnce(files, `${folder}/${tokenFileName(token)}`, remains);
  return taken ? remains : undefined;
}

/** A holder, as who took its own token away. */
export const OWNER = "owner";

/** Path of a token that was moved out of the lock directory, until the process that moved it has finished. */
export const remainsFile = (folder: string, token: string, by: string): string => `${folder}.${token}.${by}.gone`;

/** @returns whether it was us, of all who try; `to` is to be our own */
export async function renameOnce(files: LockFs, from: string, to: string): Promise<boolean> {
  try {
    await files.rename(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return exists(files, to);
  }
}

/** As `takeOut`, for a token of our own: nobody is to hear of it. @returns whether it was there */
export async function takeAway(files: LockFs, folder: string, token: string, by: string): Promise<boolean> {
  const remains = await takeOut(files, folder, token, by);
  if (remains === undefined) return false;
  // It is out of the way; whether its remains go matters to no one.
  await files.removeFile(remains).catch(() => {});
  return true;
}

/** Removes the folder unless someone else has it by now. It cannot hurt a lock that is held: that is never empty. */
export async function removeIfEmpty(files: LockFs, folder: string): Promise<void> {
  try {
    await files.removeFolder(folder);
  } catch (error) {
    const code = errorCode(error) ?? "";
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(code)) throw error;
  }
}
