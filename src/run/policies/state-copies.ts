import { constants } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../errors.ts";
import type { PipelineId } from "../../pipeline-id.ts";
import { ensureDirectory } from "../../storage/directory.ts";
import { readStateFile, removeStateFile, writeStateFile } from "../../storage/file.ts";
import { lstat, open, readdir } from "../../storage/fs.ts";
import { pipelineStateFile, type StatePaths, stateCopiesDir } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";

/** A copy of a pipeline's `state.json`. */
export interface StateCopy {
  readonly path: string;
  /** The run after which the copy was made. */
  readonly runId: string;
}

const KEPT = 3;
const COPY = /^[0-9a-z]{14}\.json$/;

/**
 * The copies of a pipeline's state, the newest first by the file server's time: the clocks of hosts differ, and the run
 * ids with them.
 */
export async function listStateCopies(paths: StatePaths, pipeline: PipelineId): Promise<readonly StateCopy[]> {
  const directory = stateCopiesDir(paths, pipeline);
  try {
    const names = (await readdir(directory)).filter((name) => COPY.test(name));
    const copies = names.map(async (name) => {
      const path = join(directory, name);
      return { path, runId: name.replace(/\.json$/, ""), writtenMs: (await lstat(path)).mtimeMs };
    });
    return (await Promise.all(copies)).sort((one, other) => other.writtenMs - one.writtenMs);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw ioError("read", directory, error);
  }
}

/**
 * The text of a pipeline's `state.json`; `undefined` if it does not exist. It may be a link, as PipelineWise allows.
 */
export async function readPipelineState(paths: StatePaths, pipeline: PipelineId): Promise<string | undefined> {
  const path = pipelineStateFile(paths, pipeline);
  try {
    const file = await open(path, constants.O_RDONLY);
    return await file.readText("utf8").finally(() => file.close());
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw ioError("read", path, error);
  }
}

/** Values that Python's JSON writer accepts and JSON.parse does not. */
const PYTHON_NUMBERS = /\b(?:NaN|Infinity)\b/g;

/** The error in the text of a state file, as a sentence fragment; `undefined` if PipelineWise can read it. */
export function stateFault(text: string): string | undefined {
  if (text.trim() === "") return "is empty";
  try {
    const state: unknown = JSON.parse(text.replace(PYTHON_NUMBERS, "0"));
    return typeof state === "object" && state !== null && !Array.isArray(state) ? undefined : "is not a JSON object";
  } catch (error) {
    if (error instanceof SyntaxError) return "is not complete JSON";
    throw error;
  }
}

/**
 * Saves a copy of a pipeline's state unless the newest copy is the same, and removes all but the newest three. Only the
 * holder of the pipeline's lock may call this, after a run that succeeded.
 */
export async function saveStateCopy(
  paths: StatePaths,
  pipeline: PipelineId,
  { id, uid }: { readonly id: string; readonly uid: number },
): Promise<void> {
  const text = await readPipelineState(paths, pipeline);
  if (text === undefined || stateFault(text) !== undefined) return;
  const directory = stateCopiesDir(paths, pipeline);
  await ensureDirectory(paths, directory, uid);
  const [newest, ...older] = await listStateCopies(paths, pipeline);
  if (newest !== undefined && (await readStateFile(newest.path)) === text) return;
  await writeStateFile(join(directory, `${id}.json`), text);
  for (const { path } of older.slice(KEPT - 2)) await removeStateFile(path);
}
