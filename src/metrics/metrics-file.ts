import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode, StoreError } from "../errors.ts";
import { ioError } from "../storage/store-error.ts";
import { replaceFile } from "../system/replace-file.ts";
import { METRIC_PREFIX, openingOf } from "./text-format.ts";

/** A reason why the metrics file cannot be written or is not read, and what to do. */
export interface MetricsFileFault {
  readonly message: string;
  readonly hint: string;
}

/** The textfile collector reads the file as another user. */
const MODE = 0o644;

/** Finds the reason why this user cannot write a metrics file; `undefined` if nothing prevents it. */
export async function findMetricsFileFault(path: string): Promise<MetricsFileFault | undefined> {
  const directory = dirname(path);
  const hint = `Create the directory for the user of the pipelines, or write another path: metrics: {file: PATH}`;
  try {
    if (!(await stat(directory)).isDirectory()) {
      return { message: `cannot write the metrics file ${path}: ${directory} is not a directory`, hint };
    }
    await access(directory, constants.W_OK | constants.X_OK);
    const problem = await findForeignContent(path);
    return problem === undefined
      ? undefined
      : { message: `cannot write the metrics file ${path}: ${problem}`, hint: "Write the path of another file." };
  } catch (error) {
    const missing = errorCode(error) === "ENOENT";
    const message = missing
      ? `cannot write the metrics file ${path}: ${directory} does not exist`
      : ioError("write the metrics file", path, error).message;
    return { message, hint };
  }
}

/** Finds out whether a path holds anything but metrics of this program, which the write would destroy. */
async function findForeignContent(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return "it is a directory";
    if (!found.isFile()) return "it is not a regular file";
    const isOurs = found.size === 0 || (await readFile(path, "utf8")).startsWith(openingOf(METRIC_PREFIX));
    return isOurs ? undefined : "the file exists and was not written by pipelinewise-sched";
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Writes the metrics file atomically. Does not create its directory: if the path is wrong, no collector would read the
 * file, and nothing would show the mistake.
 *
 * @throws StoreError
 */
export async function writeMetricsFile(path: string, text: string): Promise<void> {
  const fault = await findMetricsFileFault(path);
  if (fault !== undefined) throw new StoreError(`${fault.message}. ${fault.hint}`);
  await replaceFile(path, text, MODE);
}
