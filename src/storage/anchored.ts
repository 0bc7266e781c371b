import {
  close,
  constants,
  fchown,
  fstat,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rmdir,
  type Stats,
  unlink,
} from "node:fs";
import { errorCode, StoreError } from "../errors.ts";
import { type Anchor, addAnchor } from "./anchor.ts";
import { callFsAsync } from "./deadline.ts";
import { othersCanReplaceEntries } from "./modes.ts";

/**
 * Root's file operations in a config directory that others can change (`anchor.ts`). This file is only loaded there, and
 * only on Linux: node:fs has no openat(2), and `/proc/self/fd/N/name` does the same.
 */

const OPEN_FILES = "/proc/self/fd";
/** Value from open(2), the same on every architecture of Node; node:fs does not define it. Needs no read permission. */
const O_PATH = 0o10_000_000;
const ENTER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const FOR_WRITING = constants.O_WRONLY | constants.O_RDWR;
/** The kernel's own limit. */
const MOST_LINKS = 40;
/** A file may be created and removed between two checks, but not again and again. */
const TRIES = 8;

type Finished = (error: NodeJS.ErrnoException | null) => void;
const only = (later: (done: Finished) => void): Promise<void> =>
  callFsAsync<void>((done) => later((error) => done(error, undefined)));

const openAt = (path: string, flags: number, mode?: number): Promise<number> =>
  callFsAsync<number>((done) => open(path, flags, mode, done));
const statsOf = (fd: number): Promise<Stats> => callFsAsync<Stats>((done) => fstat(fd, done));
const lookAt = (path: string): Promise<Stats> => callFsAsync<Stats>((done) => lstat(path, done));
const closeIt = (fd: number): Promise<void> => only((done) => close(fd, (error) => done(error ?? null)));

/** Replaces the internal path in an error's message with the user's path. */
function named(error: unknown, safePath: string, path: string): unknown {
  if (error instanceof Error) error.message = error.message.replaceAll(safePath, path);
  return error;
}

/** The link at a path, if one is there. */
async function linkAt(path: string): Promise<{ readonly target: string; readonly uid: number } | undefined> {
  const found = await lookAt(path);
  if (!found.isSymbolicLink()) return undefined;
  return { target: await callFsAsync<string>((done) => readlink(path, "utf8", done)), uid: found.uid };
}

/** A directory that was reached one component after the other. */
interface Reached {
  readonly fd: number;
  readonly path: string;
  readonly stats: Stats;
  /** Users other than root can change the path or the directory's entries. */
  readonly shared: boolean;
  /** Owners of the links in the path, except root. */
  readonly linkOwners: readonly number[];
}

const componentsOf = (path: string): readonly string[] => path.split("/").filter((part) => part !== "" && part !== ".");

/** Follows a path from `/` as the kernel does, and records the owner of each step. */
async function reach(path: string): Promise<Reached> {
  const todo = [...componentsOf(path)];
  const linkOwners: number[] = [];
  let done: readonly string[] = [];
  let shared = false;
  let links = 0;
  let fd = await openAt("/", ENTER);
  const moveTo = async (next: number): Promise<void> => {
    const old = fd;
    fd = next;
    await closeIt(old);
  };
  try {
    for (;;) {
      const stats = await statsOf(fd);
      shared ||= othersCanReplaceEntries(stats);
      const name = todo.shift();
      if (name === undefined) return { fd, path: `/${done.join("/")}`, stats, shared, linkOwners };
      const step = `${OPEN_FILES}/${fd}/${name}`;
      try {
        await moveTo(await openAt(step, ENTER));
        done = name === ".." ? done.slice(0, -1) : [...done, name];
      } catch (error) {
        const link = errorCode(error) === "ENOTDIR" ? await linkAt(step).catch(() => undefined) : undefined;
        if (link === undefined || ++links > MOST_LINKS) throw named(error, step, path);
        if (link.uid !== 0) linkOwners.push(link.uid);
        todo.unshift(...componentsOf(link.target));
        if (!link.target.startsWith("/")) continue;
        done = [];
        await moveTo(await openAt("/", ENTER));
      }
    }
  } catch (error) {
    await closeIt(fd);
    throw error;
  }
}

/** Opens a directory below an open one. Does not follow links. */
async function enter(fd: number, name: string, path: string): Promise<number> {
  const step = `${OPEN_FILES}/${fd}/${name}`;
  try {
    return await openAt(step, ENTER);
  } catch (error) {
    const link = errorCode(error) === "ENOTDIR" ? await linkAt(step).catch(() => undefined) : undefined;
    if (link === undefined) throw named(error, step, path);
    throw new StoreError(
      `${path} is a symbolic link; root does not follow links in a directory that others can change`,
      {
        cause: error,
        hint: "Run this as the owner of the config directory.",
      },
    );
  }
}

function createAnchor({ fd: root, path: rootPath, stats }: Reached): Anchor {
  const { uid, gid } = stats;

  /** @param act receives a safe path for `path`, and the open directory that contains it */
  async function within<T>(path: string, act: (place: string, parent: number) => Promise<T>): Promise<T> {
    const parts = path.slice(rootPath.length + 1).split("/");
    if (parts.includes("..")) throw new Error(`${path} is not resolved`);
    const name = parts.pop() || ".";
    let fd = root;
    let seen = rootPath;
    try {
      for (const part of parts) {
        seen = `${seen}/${part}`;
        const next = await enter(fd, part, seen);
        if (fd !== root) await closeIt(fd);
        fd = next;
      }
      const place = `${OPEN_FILES}/${fd}/${name}`;
      return await act(place, fd).catch((error) => {
        throw named(error, place, path);
      });
    } finally {
      if (fd !== root) await closeIt(fd);
    }
  }

  /** Gives a new file to the owner of the config directory. Root's own directory keeps root's files. */
  const give = async (fd: number): Promise<void> => {
    if (uid !== 0) await only((done) => fchown(fd, uid, gid, done));
  };

  async function create(place: string, flags: number, mode?: number): Promise<number> {
    const fd = await openAt(place, flags | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
    try {
      await give(fd);
      return fd;
    } catch (error) {
      await closeIt(fd);
      await only((done) => unlink(place, done)).catch(() => {});
      throw error;
    }
  }

  /** Opens an existing file. A file to be changed must belong to the owner or to root, and must have only one name. */
  async function openExisting(place: string, flags: number, path: string, changes: boolean): Promise<number> {
    const kept = flags & ~(constants.O_CREAT | constants.O_EXCL);
    const fd = await openAt(place, kept | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!changes) return fd;
    try {
      const found = await statsOf(fd);
      if (found.isFile() && found.nlink === 1 && (found.uid === uid || found.uid === 0)) return fd;
      const what = found.isFile() ? `user ${found.uid}, with ${found.nlink} names` : "not a regular file";
      throw new StoreError(`${path} is not a file of user ${uid} with one name (${what}), so root does not change it`, {
        hint: "Check the file, then move it to another directory.",
      });
    } catch (error) {
      await closeIt(fd);
      throw error;
    }
  }

  async function openOrCreate(place: string, flags: number, path: string, mode?: number): Promise<number> {
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        return await create(place, flags, mode);
      } catch (error) {
        if (errorCode(error) !== "EEXIST" || (flags & constants.O_EXCL) !== 0) throw error;
      }
      try {
        return await openExisting(place, flags, path, true);
      } catch (error) {
        if (errorCode(error) !== "ENOENT") throw error;
      }
    }
    throw new StoreError(`${path} was created and removed ${TRIES} times while this process tried to open it`, {
      hint: "Find the program that writes there: fuser -v DIRECTORY",
    });
  }

  async function giveDirectory(place: string, parent: number, path: string): Promise<void> {
    const fd = await openAt(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      const [found, above] = [await statsOf(fd), await statsOf(parent)];
      const names = await callFsAsync<string[]>((done) => readdir(`${OPEN_FILES}/${fd}/.`, done));
      if (found.uid !== 0 || found.dev !== above.dev || names.length > 0) {
        throw new StoreError(`${path} was replaced while root created it`, {
          hint: "Find the program that writes there: fuser -v DIRECTORY",
        });
      }
      await give(fd);
    } finally {
      await closeIt(fd);
    }
  }

  return {
    path: rootPath,
    owner: { uid, gid },
    stats: () => statsOf(root),
    at: within,
    open: (path, flags, mode) =>
      within(path, (place) => {
        // `O_TRUNC` would empty the file before this code has checked its owner.
        if ((flags & constants.O_TRUNC) !== 0) throw new Error(`${path} is to be truncated`);
        if ((flags & constants.O_CREAT) !== 0) return openOrCreate(place, flags, path, mode);
        return openExisting(place, flags, path, (flags & FOR_WRITING) !== 0);
      }),
    openToTouch: (path) => within(path, (place) => openExisting(place, constants.O_RDONLY, path, true)),
    makeDirectory: (path, mode) =>
      within(path, async (place, parent) => {
        await only((done) => mkdir(place, mode, done));
        try {
          await giveDirectory(place, parent, path);
        } catch (error) {
          await only((done) => rmdir(place, done)).catch(() => {});
          throw error;
        }
      }),
  };
}

/**
 * Opens a config directory as root. If others can change it or its path, every later operation starts at the open
 * directory.
 *
 * @returns its path, links resolved
 * @throws StoreError if a user's link leads to a directory of another user
 */
export async function enterConfigDir(configDir: string): Promise<string> {
  if ((await statOrNone(OPEN_FILES)) === undefined) {
    throw new StoreError(`root cannot use ${configDir} safely: others can change it, and /proc is not mounted`, {
      hint: "Mount /proc, or run this as the owner of the config directory.",
    });
  }
  const reached = await reach(configDir);
  const { path, stats, shared, linkOwners } = reached;
  const stranger = linkOwners.find((uid) => uid !== stats.uid);
  if (stranger !== undefined) {
    await closeIt(reached.fd);
    throw new StoreError(
      `${configDir} leads through a symbolic link of user ${stranger} to ${path}, which belongs to user ${stats.uid}`,
      { hint: `If that is the right directory, name it: --config-dir ${path}` },
    );
  }
  if (shared) addAnchor(createAnchor(reached));
  else await closeIt(reached.fd);
  return path;
}

const statOrNone = (path: string): Promise<Stats | undefined> => lookAt(path).catch(() => undefined);
