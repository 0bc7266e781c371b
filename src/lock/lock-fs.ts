import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, readFile, rename, rmdir, unlink, utimes } from "node:fs/promises";

/** Times of a file, in milliseconds. `mtime` is what a client wrote; `ctime` is always the file server's clock. */
interface FileTimes {
  readonly mtime: Date;
  readonly ctimeMs: number;
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
  /** Sets both times; never creates. */
  touch(path: string, at: Date): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
}

export const diskLockFs: LockFs = {
  makeFolder: (path) => mkdir(path, { mode: 0o700 }).then(() => {}),
  async create(path, text) {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  list: (path) => readdir(path),
  async kind(path) {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return "link";
    return found.isDirectory() ? "folder" : "other";
  },
  read: (path) => readFile(path, "utf8"),
  async times(path) {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await file.stat();
    } finally {
      await file.close();
    }
  },
  touch: (path, at) => utimes(path, at, at),
  rename: (from, to) => rename(from, to),
  removeFile: (path) => unlink(path),
  removeFolder: (path) => rmdir(path),
};
