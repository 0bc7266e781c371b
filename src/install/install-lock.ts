import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { lstat, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { lock as lockFolder } from "proper-lockfile";
import { errorCode, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { storeFault } from "../storage/store-error.ts";

const WAIT_SECONDS = 60;

/**
 * Creates a private directory in a world-writable place. Rejects anything that another user put there under that name.
 */
async function privateFolder(parent: string, uid: number): Promise<string> {
  const folder = join(parent, `pipelinewise-sched-${uid}`);
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw storeFault("create the directory", folder, error);
  }
  const found = await lstat(folder);
  if (found.isDirectory() && found.uid === uid && (found.mode & 0o022) === 0) return folder;
  throw new StoreError(
    `${folder} is not a directory of this user with mode 700 (owner ${found.uid}, mode ${(found.mode & 0o777).toString(8)})`,
    {
      hint: "The install lock is in this directory, and another user created it. Have it removed, then try again.",
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
      errorCode(error) === "ENOENT" ? resolve("no flock") : reject(storeFault("start", "flock", error)),
    );
    child.on("close", (code) => resolve(code === 0 ? "locked" : "held"));
  });
}

/** Fallback without `flock`: a lock directory. A killed install leaves it behind for ten seconds. */
async function lockByFolder(file: string): Promise<() => Promise<void>> {
  try {
    return await lockFolder(file, { stale: 10_000, retries: { retries: WAIT_SECONDS, factor: 1, minTimeout: 1000 } });
  } catch (error) {
    if (errorCode(error) === "ELOCKED") throw stillHeld(file);
    throw storeFault("lock", file, error);
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
  { uid, commonTmp, env }: Pick<Host, "uid" | "commonTmp" | "env">,
  work: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  const file = join(await privateFolder(commonTmp, uid), "install.lock");
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600).catch((error) => {
    throw storeFault("open", file, error);
  });
  let release: (() => Promise<void>) | undefined;
  try {
    let state = await flock(env, handle.fd, ["-n"]);
    if (state === "held") {
      onWait();
      state = await flock(env, handle.fd, ["-w", String(WAIT_SECONDS)]);
    }
    if (state === "held") throw stillHeld(file);
    if (state === "no flock") release = await lockByFolder(file);
    return await work();
  } finally {
    await release?.();
    await handle.close();
  }
}
