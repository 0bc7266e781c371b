import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { lstat, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { lock as lockDirectory } from "proper-lockfile";
import { errorCode, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { renderMode, WRITABLE_BY_OTHERS } from "../storage/modes.ts";
import { ioError } from "../storage/store-error.ts";

const WAIT_SECONDS = 60;

type LockHost = Pick<Host, "uid" | "ownState" | "commonTmp" | "env">;

/** Error codes of mkdir if this user has no home, or may not write there. */
const NO_HOME = ["ENOENT", "ENOTDIR", "EACCES", "EPERM", "EROFS"];

/**
 * The directory of the lock, in the user's home: other users cannot create anything there. A user who has no home, as
 * in some containers, has one in the common directory.
 */
async function makeLockDirectory({ uid, ownState, commonTmp }: LockHost): Promise<string> {
  if (ownState !== undefined) {
    try {
      await mkdir(ownState, { recursive: true, mode: 0o700 });
      return await ownDirectory(ownState, uid);
    } catch (error) {
      if (!NO_HOME.includes(errorCode(error) ?? "")) throw ioError("create the directory", ownState, error);
    }
  }
  const directory = join(commonTmp, `pipelinewise-sched-${uid}`);
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw ioError("create the directory", directory, error);
  }
  return ownDirectory(directory, uid);
}

/** Rejects a directory in which another user may have put something. */
async function ownDirectory(directory: string, uid: number): Promise<string> {
  const found = await lstat(directory);
  if (found.isDirectory() && found.uid === uid && (found.mode & WRITABLE_BY_OTHERS) === 0) return directory;
  throw new StoreError(
    `${directory} is not a directory of this user that only this user can write (owner ${found.uid}, mode ${renderMode(found.mode)})`,
    {
      hint: "The install lock belongs in this directory. Check what it contains. Remove it, or ask its owner to, then try again.",
    },
  );
}

/**
 * Runs util-linux's `flock` on an open file. The lock belongs to our descriptor, so it ends with this process in every
 * case.
 */
function flock(
  env: Host["env"],
  descriptor: number,
  words: readonly string[],
): Promise<"locked" | "held" | "no flock"> {
  return new Promise((resolve, reject) => {
    const child = spawn("flock", [...words, "3"], {
      env: { ...env },
      stdio: ["ignore", "ignore", "ignore", descriptor],
    });
    child.on("error", (error) =>
      errorCode(error) === "ENOENT" ? resolve("no flock") : reject(ioError("start", "flock", error)),
    );
    // 1: held by another process. Any other code: this file system has no such locks.
    child.on("close", (code) => resolve(code === 0 ? "locked" : code === 1 ? "held" : "no flock"));
  });
}

/** Fallback where `flock` does not work: a lock directory. A killed install leaves it behind for ten seconds. */
async function lockByDirectory(file: string): Promise<() => Promise<void>> {
  try {
    return await lockDirectory(file, {
      stale: 10_000,
      retries: { retries: WAIT_SECONDS, factor: 1, minTimeout: 1000 },
    });
  } catch (error) {
    if (errorCode(error) === "ELOCKED") throw stillHeld(file);
    throw ioError("lock", file, error);
  }
}

const stillHeld = (file: string): StoreError =>
  new StoreError(`another install of this user is running (lock ${file})`, {
    hint: `Gave up after ${WAIT_SECONDS} seconds. Try again, or find the process that holds the lock: fuser ${file}`,
  });

/**
 * Runs `work` while no other install or uninstall of this user on this host is running, because reading, changing and
 * writing a crontab are three steps. The lock is outside the config directory, which other hosts share.
 *
 * @param onWait called once if another process has the lock
 */
export async function whileInstalling<T>(
  host: LockHost,
  work: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  const file = join(await makeLockDirectory(host), "install.lock");
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600).catch((error) => {
    throw ioError("open", file, error);
  });
  let release: (() => Promise<void>) | undefined;
  try {
    let state = await flock(host.env, handle.fd, ["-n"]);
    if (state === "held") {
      onWait();
      state = await flock(host.env, handle.fd, ["-w", String(WAIT_SECONDS)]);
    }
    if (state === "held") throw stillHeld(file);
    if (state === "no flock") release = await lockByDirectory(file);
    return await work();
  } finally {
    await release?.();
    await handle.close();
  }
}
