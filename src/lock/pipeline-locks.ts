import { constants } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { type LockId, lockNamed } from "../pipeline-id.ts";
import { open, readdir } from "../storage/fs.ts";
import { flockFile, lockDirectory, locksDir, type StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { isProcessRunning } from "../system/proc.ts";
import type { LockOptions } from "./acquire.ts";
import type { LockHolder, PipelineLocks } from "./lock.ts";
import { holderOf, isFromHere, parseRecord, parseToken, tokenFileName, tokenInName } from "./owner-record.ts";
import { findRemaining } from "./processes.ts";
import { isSound, LOCK_TIMING } from "./timing.ts";

/** Names in a directory; none if it cannot be read, because `acquire` reports every error. */
const namesIn = (directory: string): Promise<readonly string[]> => readdir(directory).catch(() => []);

async function textOf(path: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY);
    return await file.readText("utf8").finally(() => file.close());
  } catch {
    return "";
  }
}

/** Whether the process that a token names is running on this host. */
function ownerLives(token: string): boolean {
  const owner = parseToken(token);
  return owner !== undefined && isFromHere(owner) && isProcessRunning(owner.pid, owner.startTicks);
}

/** Finds the first holder whose token is accepted. @param counts accepts a token */
async function findHolder(
  paths: StatePaths,
  pipeline: LockId,
  counts: (token: string) => boolean,
): Promise<LockHolder | undefined> {
  const directory = lockDirectory(paths, pipeline);
  for (const name of await namesIn(directory)) {
    const token = tokenInName(name);
    if (token === undefined || !counts(token)) continue;
    const record = parseRecord(await textOf(join(directory, tokenFileName(token))));
    if (record !== undefined) return holderOf(record);
  }
  return undefined;
}

/**
 * Finds a running holder on this host. Most skipped starts do nothing else, so this loads no other code and makes only two
 * file operations.
 */
export const findLiveHolder = (paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined> =>
  findHolder(paths, pipeline, ownerLives);

/**
 * The processes for which a running holder on this host waits although PipelineWise has ended; none while PipelineWise
 * is running.
 */
export async function findRemainingProcesses(paths: StatePaths, pipeline: LockId): Promise<readonly number[]> {
  for (const name of await namesIn(lockDirectory(paths, pipeline))) {
    const token = tokenInName(name);
    const owner = token === undefined || !ownerLives(token) ? undefined : parseToken(token);
    if (token === undefined || owner === undefined) continue;
    return findRemaining(token, owner.pid, flockFile(paths, pipeline));
  }
  return [];
}

/**
 * Whether a lock has a holder that is not running on this host: it is dead, or runs on another host. As cheap as
 * `findLiveHolder`.
 */
export async function hasDoubtfulHolder(paths: StatePaths, pipeline: LockId): Promise<boolean> {
  const tokens = (await namesIn(lockDirectory(paths, pipeline))).map(tokenInName);
  return tokens.some((token) => token !== undefined && !ownerLives(token));
}

/** The holder that an owner record names, on any host, alive or not. */
const readHolder = (paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined> =>
  findHolder(paths, pipeline, () => true);

/** The locks below `.sched/locks`. Only acquiring a lock loads the code for it. */
export function pipelineLocks(options: Partial<LockOptions> = {}): PipelineLocks {
  const { timing = LOCK_TIMING } = options;
  if (!isSound(timing)) throw new Error(`the lock timing is inconsistent: ${JSON.stringify(timing)}`);
  return {
    findLiveHolder,
    readHolder: readHolder,
    async acquire(paths, pipeline, claim, waitOptions) {
      const { acquire } = await import("./acquire.ts");
      return acquire(paths, pipeline, claim, { ...options, waitOptions });
    },
    async waitForRelease(paths, pipeline, wait) {
      const { waitForRelease } = await import("./wait-for-release.ts");
      return waitForRelease(paths, pipeline, wait, options);
    },
  };
}

const LOCK = /^(.+)\.lock$/;

async function readNames(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw ioError("read", directory, error);
  }
}

/**
 * Lists the locks of pipelines that have a lock directory, by target and tap, on any host and whether their holders are
 * alive or dead.
 */
export async function listLocks(paths: StatePaths): Promise<readonly LockId[]> {
  const found: LockId[] = [];
  for (const target of await readNames(locksDir(paths))) {
    // The lock of `tend`, and files about a host. No target's id begins with a dot.
    if (target.startsWith(".")) continue;
    for (const name of await readNames(join(locksDir(paths), target))) {
      const lock = LOCK.exec(name)?.[1];
      if (lock !== undefined) found.push(lockNamed(lock, target));
    }
  }
  return found;
}
