import { lock } from "proper-lockfile";
import { errorCode } from "../errors.ts";
import { storeFault } from "../storage/store-error.ts";
import { createWatchdog, GONE } from "./heartbeat-monitor.ts";
import { type LockFs, OWNER, removeIfEmpty, takeAway } from "./lock-directory.ts";
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
  readonly folder: string;
  /** Another one at each call. */
  readonly newToken: () => string;
  /** Content of the token file. */
  readonly record: string;
  /** From making the folder to seeing our token alone in it; later it is given up. */
  readonly makeWithinMs: number;
  readonly sinceBootMs: () => number;
  /** Our token was gone when we came to release it. */
  readonly onGone: () => void;
  /** How each heartbeat went: the share took it, as it was at `at`, or it said why not. */
  readonly onBeat: (at: number, fault: unknown) => void;
}

/** proper-lockfile's `fs`, hardened: a lock is its token, not its folder. One adapter for each lock. */
export interface LockAdapter {
  readonly fs: LibraryFs;
  /** The token in the folder while we hold the lock. */
  readonly token: () => string | undefined;
  /** A sign of life beside the library's; fails with ENOENT when our token is gone. */
  readonly verify: () => Promise<void>;
}

const heldByAnother = (folder: string): Error =>
  Object.assign(new Error(`${folder} belongs to another run`), { code: "EEXIST" });

/** A folder that became something else has lost our token as surely as one that is gone. */
function sayGone(error: unknown): never {
  throw errorCode(error) === "ENOTDIR" ? Object.assign(new Error("not a directory"), { code: "ENOENT" }) : error;
}

const tell = <T>(work: Promise<T>, callback: Callback<T>): void => {
  work.then((value) => callback(null, value), callback);
};

/**
 * Stock, the library is exact for a fresh lock only. With this: a folder is ours when our token stands in it alone; the
 * heartbeat touches that token and never creates it, so one who slept cannot revive or touch a successor's lock; and the
 * library's exit hook frees nothing, because the pipeline may outlive us.
 */
export function createAdapter(options: AdapterOptions): LockAdapter {
  const { files, folder } = options;
  const pathOf = (token: string): string => `${folder}/${tokenFileName(token)}`;
  let held: string | undefined;
  /** What the library set; it takes anything else for a stranger's doing, while a lock is told by its token's name. */
  let mtime = new Date();

  async function beat(at: Date): Promise<void> {
    if (held === undefined) throw heldByAnother(folder);
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
    const names = await files.list(folder);
    return names.length === 1 && names[0] === tokenFileName(token);
  }

  /** Leaves nothing of ours behind. What cannot be undone is judged by the next one, once this process has ended. */
  async function undo(token: string): Promise<void> {
    await takeAway(files, folder, token, OWNER).catch(() => {});
    await removeIfEmpty(files, folder).catch(() => {});
  }

  async function make(): Promise<void> {
    const begun = options.sinceBootMs();
    await files.makeFolder(folder);
    const token = options.newToken();
    try {
      await files.create(pathOf(token), options.record);
      const alone = await standsAlone(token);
      if (!alone || options.sinceBootMs() - begun >= options.makeWithinMs) throw heldByAnother(folder);
      held = token;
    } catch (error) {
      await undo(token);
      // An empty folder may be cleaned away under its maker: then another one is at it.
      throw errorCode(error) === "ENOENT" ? heldByAnother(folder) : error;
    }
  }

  async function release(): Promise<void> {
    const token = held;
    if (token === undefined) throw heldByAnother(folder);
    held = undefined;
    if (await takeAway(files, folder, token, OWNER)) await removeIfEmpty(files, folder);
    else options.onGone();
  }

  return {
    token: () => held,
    verify: () => beat(new Date()),
    fs: {
      mkdir: (_path, callback) => tell(make(), callback),
      // Of a folder that stands in its way the library asks how old it is: never too old; who has it is judged by us.
      stat: (_path, callback) => callback(null, { mtime: held === undefined ? new Date() : mtime }),
      utimes: (_path, _atime, at, callback) => tell(beatOfLibrary(at), callback),
      rmdir: (_path, callback) => tell(release(), callback),
      rmdirSync: () => {},
    },
  };
}

/**
 * The one door to proper-lockfile, apart, so that only a run that takes a lock loads it. It listens to signals from then
 * on, to free its locks at exit; the adapter's `rmdirSync` keeps it from that.
 *
 * @returns gives the lock back; both fail with the library's codes: ELOCKED, ERELEASED, or the system's
 */
export function lockByLibrary(
  folder: string,
  options: { fs: LibraryFs; heartbeatMs: number; onCompromised: (error: Error) => void },
): Promise<() => Promise<void>> {
  return lock(folder, {
    fs: options.fs,
    lockfilePath: folder,
    realpath: false,
    retries: 0,
    // Who is dead is proved by us, never guessed from an age.
    stale: Number.POSITIVE_INFINITY,
    update: options.heartbeatMs,
    onCompromised: options.onCompromised,
  });
}

/** The cluster's layer of a lock: our token in the lock folder, and its heartbeat. */
export interface RecordLock {
  readonly token: string;
  /** Resolves once, with why, when the token is known to be no longer ours, or cannot be proved to be. */
  readonly lost: Promise<string>;
  /** Fails with a StoreError where the share refuses it. A token that is not there any more is no failure. */
  release(): Promise<void>;
}

/** One try to put our token into the lock folder. @returns `undefined` when something stands there */
export async function tryRecordLock(
  options: Omit<AdapterOptions, "onGone" | "onBeat">,
  timing: Pick<LockTiming, "heartbeatMs" | "selfFenceMs">,
): Promise<RecordLock | undefined> {
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
  const watchdog = createWatchdog({ timing, sinceBootMs, verify: adapter.verify, sayLost });
  try {
    const unlock = await lockByLibrary(options.folder, {
      fs: adapter.fs,
      heartbeatMs: timing.heartbeatMs,
      onCompromised: () => sayLost(GONE),
    });
    const token = adapter.token();
    if (token === undefined) throw new Error("the library holds a lock that has no token");
    const timer = setInterval(watchdog.look, watchdog.pollMs).unref();
    const release = async () => {
      clearInterval(timer);
      await unlock().catch((error: unknown) => {
        // The library has let go of a lock that it found lost.
        if (errorCode(error) !== "ERELEASED") throw storeFault("release the lock", options.folder, error);
      });
    };
    return { token, lost, release };
  } catch (error) {
    if (errorCode(error) === "ELOCKED") return undefined;
    throw error;
  }
}
