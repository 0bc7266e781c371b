import { join } from "node:path";
import { type LockId, lockNamed } from "../command/request.ts";
import { errorCode } from "../errors.ts";
import { readdir } from "../files.ts";
import { locksDir, type StatePaths } from "../state-paths.ts";
import { storeFault } from "../store-fault.ts";

const LOCK = /^(.+)\.lock$/;

async function namesIn(folder: string): Promise<readonly string[]> {
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
  for (const target of await namesIn(locksDir(paths))) {
    for (const name of await namesIn(join(locksDir(paths), target))) {
      const lock = LOCK.exec(name)?.[1];
      if (lock !== undefined) found.push(lockNamed(lock, target));
    }
  }
  return found;
}
