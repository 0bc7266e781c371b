import { constants } from "node:fs";
import { lstat, mkdir, readdir, rename, rmdir, touch, unlink } from "../files.ts";
import { open } from "../open-file.ts";
import { systemCode } from "../store-fault.ts";

/** What the file server says of a file. */
interface FileTimes {
  /** Last change, always by the file server's clock. */
  readonly ctimeMs: number;
  /** What the last toucher's clock said: a dead run's last sign of life, for people only. */
  readonly mtime: Date;
}

/** What the lock asks of the share, one step each. A test can fill it by hand, and count or break the steps. */
export interface LockFs {
  makeFolder(path: string): Promise<void>;
  /** Fails where the file is there already; resolves when the text is on the disk. */
  create(path: string, text: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  /** What stands at the path itself, links not followed. */
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
    throw Object.assign(new Error("another host has taken it away", { cause: error }), { code: "ENOENT" });
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
