import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { CONNECTOR_ID, type PipelineId } from "../pipeline-id.ts";
import { lstat, readdir } from "../storage/fs.ts";
import { type StatePaths, tapDirectory } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";

/**
 * The names in a directory of PipelineWise's, sorted. None if it does not exist, or is not a directory: symbolic links
 * are not followed.
 */
export async function plainNames(directory: string): Promise<readonly string[]> {
  try {
    return (await lstat(directory)).isDirectory() ? (await readdir(directory)).sort() : [];
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return [];
    throw ioError("read", directory, error);
  }
}

/** Directories of PipelineWise's beside those of the targets. */
const NO_TARGETS: readonly string[] = ["tmp", "profiling"];

/** The pipelines of which PipelineWise has a directory, by target and tap. Some may not be in any schedule. */
export async function* tapDirectories(paths: StatePaths): AsyncGenerator<PipelineId, void> {
  for (const target of await plainNames(paths.configDir)) {
    if (!CONNECTOR_ID.test(target) || NO_TARGETS.includes(target)) continue;
    for (const tap of await plainNames(join(paths.configDir, target))) {
      if (CONNECTOR_ID.test(tap) && (await plainNames(tapDirectory(paths, { tap, target }))).length > 0) {
        yield { tap, target };
      }
    }
  }
}
