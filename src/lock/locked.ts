import { join } from "node:path";
import type { PipelineId } from "../command/request.ts";
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

/** Pipelines that have a lock folder, by target and tap: whoever holds it, on whatever host, alive or dead. */
export async function lockedPipelines(paths: StatePaths): Promise<readonly PipelineId[]> {
  const found: PipelineId[] = [];
  for (const target of await namesIn(locksDir(paths))) {
    for (const name of await namesIn(join(locksDir(paths), target))) {
      const tap = LOCK.exec(name)?.[1];
      if (tap !== undefined) found.push({ tap, target });
    }
  }
  return found;
}
