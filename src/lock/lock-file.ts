import { lock } from "proper-lockfile";
import { errorCode } from "../errors.ts";
import { ioError } from "../storage/store-error.ts";
import { createWatchdog, GONE } from "./heartbeat-monitor.ts";
import type { UnrecordedEnd } from "./lock.ts";
import { detachToken, type LockFs, OWNER, removeIfEmpty, removeToken, renderEnd } from "./lock-directory.ts";
import { tokenFileName } from "./owner-record.ts";
import type { LockTiming } from "./timing.ts";

type Callback<T> = (error: unknown, value?: T) => void;

/** The five calls that proper-lockfile makes on its `fs`. */
export interface LibraryFs {
  mkdir(path: string, callback: Callback<void>): void;
  stat(path: string, callback: Callback<{ readonly mtime: Date }>): void;
  utimes(path: string, atime: Date, mtime: Date, callback: Callback<void>): void;
  rmdir(path: string, callback: Callback<void>): void;
  rmdirSync(path: string): void;
}

export interface AdapterOptions {
  readonly files: LockFs;
  readonly directory: string;
  /** Returns a different token at each call. */
  readonly newToken: () => string;
  /** Content of the owner record. */
  readonly record: string;
  /** Time limit from creating the directory to seeing this process's token alone in it. */
  readonly makeWithinMs: number;
  readonly sinceBootMs: () => number;
  /** Called if the token was already gone at the release. */
  readonly onGone: () => void;
  /** Called after each heartbeat: `at` is when it was sent, `fault` is its error or `undefined`. */
  readonly onBeat: (at: number, fault: unknown) => void;
}

/** A replacement for proper-lockfile's `fs`: a lock is its token, not its directory. One adapter for each lock. */
export interface LockAdapter {
  readonly fs: LibraryFs;
  /** The token in the directory while this process holds the lock. */
  readonly token: () => string | undefined;
  /** Sends a heartbeat in addition to the library's; fails with ENOENT if the token is gone. */
  readonly verify: () => Promise<void>;
  /** See `HeldLock`. */
  readonly keepEnd: (end: UnrecordedEnd) => void;
}

const heldByAnother = (directory: string): Error =>
  Object.assign(new Error(`${directory} belongs to another run`), { code: "EEXIST" });

/** Turns ENOTDIR into ENOENT: if the directory is now something else, the token is gone too. */
function sayGone(error: unknown): never {
  throw errorCode(error) === "ENOTDIR" ? Object.assign(new Error("not a directory"), { code: "ENOENT" }) : error;
}

const callBack = <T>(work: Promise<T>, callback: Callback<T>): void => {
  work.then((value) => callback(null, value), callback);
};

/**
 * Creates the file functions that make proper-lockfile safe. By itself the library is exact only for a new lock.
 *
 * - The lock is acquired when this process's token is alone in the directory.
 * - The heartbeat touches that token and never creates it, so a process that was suspended cannot touch a later lock.
 * - The library's exit hook releases nothing, because the pipeline may outlive this process.
 */
export function createAdapter(options: AdapterOptions): LockAdapter {
  const { files, directory } = options;
  const pathOf = (token: string): string => `${directory}/${tokenFileName(token)}`;
  let held: string | undefined;
  let kept: UnrecordedEnd | undefined;
  /** The time that the library set. It takes any other time for a lost lock, but here the token's name decides. */
  let mtime = new Date();

  async function beat(at: Date): Promise<void> {
    if (held === undefined) throw heldByAnother(directory);
    await files.touch(pathOf(held), at).catch(sayGone);
  }

  async function beatOfLibrary(at: Date): Promise<void> {
    const begun = options.sinceBootMs();
    try {
      await beat(at);
    } catch (error) {
      options.onBeat(begun, error);
      throw error;
    }
    mtime = at;
    options.onBeat(begun, undefined);
  }

  async function standsAlone(token: string): Promise<boolean> {
    const names = await files.list(directory);
    return names.length === 1 && names[0] === tokenFileName(token);
  }

  /** Removes everything that this attempt created. The next start handles what cannot be removed. */
  async function undo(token: string): Promise<void> {
    await removeToken(files, directory, token, OWNER).catch(() => {});
    await removeIfEmpty(files, directory).catch(() => {});
  }

  async function make(): Promise<void> {
    const begun = options.sinceBootMs();
    await files.makeDirectory(directory);
    const token = options.newToken();
    try {
      await files.create(pathOf(token), options.record);
      const alone = await standsAlone(token);
      if (!alone || options.sinceBootMs() - begun >= options.makeWithinMs) throw heldByAnother(directory);
      held = token;
    } catch (error) {
      await undo(token);
      // Another start may have removed the empty directory of this one.
      throw errorCode(error) === "ENOENT" ? heldByAnother(directory) : error;
    }
  }

  async function release(): Promise<void> {
    const token = held;
    if (token === undefined) throw heldByAnother(directory);
    held = undefined;
    const wasOurs =
      kept === undefined
        ? await removeToken(files, directory, token, OWNER)
        : (await detachToken(files, directory, token, renderEnd(kept))) !== undefined;
    if (wasOurs) await removeIfEmpty(files, directory);
    else options.onGone();
  }

  return {
    token: () => held,
    verify: () => beat(new Date()),
    keepEnd: (end) => {
      kept = end;
    },
    fs: {
      mkdir: (_path, callback) => callBack(make(), callback),
      // The library asks how old an existing lock is. It is never too old: this program decides whether its holder is dead.
      stat: (_path, callback) => callback(null, { mtime: held === undefined ? new Date() : mtime }),
      utimes: (_path, _atime, at, callback) => callBack(beatOfLibrary(at), callback),
      rmdir: (_path, callback) => callBack(release(), callback),
      rmdirSync: () => {},
    },
  };
}

/**
 * Acquires a lock with proper-lockfile. The library would release its locks at exit; the adapter's `rmdirSync` prevents
 * that.
 *
 * @returns a function that releases the lock. Both fail with ELOCKED, ERELEASED or a system error
 */
export function createLockFile(
  directory: string,
  options: { fs: LibraryFs; heartbeatMs: number; onCompromised: (error: Error) => void },
): Promise<() => Promise<void>> {
  return lock(directory, {
    fs: options.fs,
    lockfilePath: directory,
    realpath: false,
    retries: 0,
    // This program proves that a holder is dead and never guesses from the age of a lock.
    stale: Number.POSITIVE_INFINITY,
    update: options.heartbeatMs,
    onCompromised: options.onCompromised,
  });
}

/** The lock file: this process's token in the lock directory, and its heartbeat. */
export interface LockFile {
  readonly token: string;
  /** Resolves with the reason when the token is lost or cannot be confirmed any more. */
  readonly lost: Promise<string>;
  /** See `HeldLock`. */
  rest(): () => void;
  /** See `HeldLock`. */
  keepEnd(end: UnrecordedEnd): void;
  /** Fails with a StoreError if the file system refuses it. A token that is already gone is not an error. */
  release(): Promise<void>;
}

/** Tries once to write this process's token into the lock directory. @returns `undefined` if the directory exists */
export async function tryLockFile(
  options: Omit<AdapterOptions, "onGone" | "onBeat">,
  timing: Pick<LockTiming, "heartbeatMs" | "selfFenceMs" | "watchdogMs">,
): Promise<LockFile | undefined> {
  let sayLost: (why: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    sayLost = resolve;
  });
  const { sinceBootMs } = options;
  const adapter = createAdapter({
    ...options,
    onGone: () => sayLost(GONE),
    onBeat: (at, fault) => (fault === undefined ? watchdog.confirmed(at) : watchdog.refused(fault)),
  });
  const watchdog = createWatchdog({ timing, sinceBootMs, verify: adapter.verify, reportLost: sayLost });
  try {
    const unlock = await createLockFile(options.directory, {
      fs: adapter.fs,
      heartbeatMs: timing.heartbeatMs,
      onCompromised: () => sayLost(GONE),
    });
    const token = adapter.token();
    if (token === undefined) throw new Error("the library holds a lock that has no token");
    const watch = () => setInterval(watchdog.check, watchdog.pollMs).unref();
    let timer = watch();
    const rest = () => {
      clearInterval(timer);
      return () => {
        timer = watch();
        // After a long pause, the watchdog asks for a heartbeat.
        watchdog.check();
      };
    };
    const release = async () => {
      clearInterval(timer);
      await unlock().catch((error: unknown) => {
        // The library has already released a lock that it found lost.
        if (errorCode(error) !== "ERELEASED") throw ioError("release the lock", options.directory, error);
      });
    };
    return { token, lost, rest, keepEnd: adapter.keepEnd, release };
  } catch (error) {
    if (errorCode(error) === "ELOCKED") return undefined;
    throw error;
  }
}
