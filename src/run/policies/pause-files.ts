import { basename, join } from "node:path";
import { errorCode } from "../../errors.ts";
import type { PipelineId, PipelineScope } from "../../pipeline-id.ts";
import { readdir } from "../../storage/fs.ts";
import { pauseFile, pausesDir, type StatePaths } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";

/** The names in a directory; none if it does not exist. */
async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw ioError("read", directory, error);
  }
}

/**
 * The names in `pauses/`. This lists the directory above it first, because an NFS client asks the server for that; a
 * lookup of a missing name is cached for a minute.
 */
export async function listPausesDir(paths: StatePaths): Promise<readonly string[]> {
  const directory = pausesDir(paths);
  return (await namesIn(paths.root)).includes(basename(directory)) ? namesIn(directory) : [];
}

/** The names in the directory of a target in `pauses/`. @param listed what `listPausesDir` gave */
export const listTargetDir = async (
  paths: StatePaths,
  target: string,
  listed: readonly string[],
): Promise<readonly string[]> => (listed.includes(target) ? namesIn(join(pausesDir(paths), target)) : []);

/** The scopes that cover a pipeline and have a pause file, the widest first. The pause in a file may be over. */
export async function findPauseScopes(
  paths: StatePaths,
  { tap, target }: PipelineId,
): Promise<readonly PipelineScope[]> {
  const top = await listPausesDir(paths);
  const ofTarget = await listTargetDir(paths, target, top);
  const isThere = (scope: PipelineScope, names: readonly string[]) => names.includes(basename(pauseFile(paths, scope)));
  return [
    ...[{}].filter((scope) => isThere(scope, top)),
    ...[{ target }, { target, tap }].filter((scope) => isThere(scope, ofTarget)),
  ];
}
