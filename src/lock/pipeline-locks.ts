import { constants } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { type LockId, lockNamed } from "../pipeline-id.ts";
import { open, readdir } from "../storage/fs.ts";
import { lockFolder, locksDir, type StatePaths } from "../storage/paths.ts";
import { storeFault } from "../storage/store-error.ts";
import type { LockOptions } from "./acquire.ts";
import type { LockHolder, PipelineLocks } from "./lock.ts";
import { holderOf, parseRecord, parseToken, shortBoot, tokenFileName, tokenInName } from "./owner-record.ts";
import { processLives, thisKernel } from "./processes.ts";
import { isSound, LOCK_TIMING } from "./timing.ts";

/** Nothing for whatever cannot be read: this is only a look, and `acquire` tells every fault by its name. */
const namesIn = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

async function textOf(path: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY);
    return await file.readText("utf8").finally(() => file.close());
  } catch {
    return "";
  }
}

/** Whether the process that a token names runs here and now. */
function ownerLives(token: string): boolean {
  const owner = parseToken(token);
  if (owner === undefined) return false;
  const { bootId, pidNamespace } = thisKernel();
  if (owner.boot !== shortBoot(bootId) || owner.pidNamespace !== pidNamespace) return false;
  return processLives(owner.pid, owner.startTicks);
}

/** @param counts which tokens do */
async function findHolder(
  paths: StatePaths,
  pipeline: LockId,
  counts: (token: string) => boolean,
): Promise<LockHolder | undefined> {
  const folder = lockFolder(paths, pipeline);
  for (const name of await namesIn(folder)) {
    const token = tokenInName(name);
    if (token === undefined || !counts(token)) continue;
    const record = parseRecord(await textOf(join(folder, tokenFileName(token))));
    if (record !== undefined) return holderOf(record);
  }
  return undefined;
}

/**
 * The holder of a pipeline's lock, if it is a process on this host that lives. This is all that most skipped ticks do,
 * so it loads nothing, and asks the share two things only, neither of which can block the process.
 */
export const findLiveHolder = (paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined> =>
  findHolder(paths, pipeline, ownerLives);

/** The holder that an owner record names, on any host, alive or not. */
const findNamedHolder = (paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined> =>
  findHolder(paths, pipeline, () => true);

/** The locks in a config directory's `.sched/locks`. Taking one loads its code; looking at one does not. */
export function pipelineLocks(options: Partial<LockOptions> = {}): PipelineLocks {
  const { timing = LOCK_TIMING } = options;
  if (!isSound(timing)) throw new Error(`the lock timing is inconsistent: ${JSON.stringify(timing)}`);
  return {
    findLiveHolder,
    findNamedHolder,
    async acquire(paths, pipeline, claim, patience) {
      const { acquire } = await import("./acquire.ts");
      return acquire(paths, pipeline, claim, { ...options, patience });
    },
  };
}

const LOCK = /^(.+)\.lock$/;

async function readNames(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw storeFault("read", folder, error);
  }
}

/** The locks that have a lock directory, by target and tap: whoever holds them, on whatever host, alive or dead. */
export async function listLocks(paths: StatePaths): Promise<readonly LockId[]> {
  const found: LockId[] = [];
  for (const target of await readNames(locksDir(paths))) {
    for (const name of await readNames(join(locksDir(paths), target))) {
      const lock = LOCK.exec(name)?.[1];
      if (lock !== undefined) found.push(lockNamed(lock, target));
    }
  }
  return found;
}
