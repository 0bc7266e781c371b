import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Dialect, dialectOf } from "./dialect.ts";

/** The PipelineWise on the PATH; `undefined` where there is none. A stand-in says that it is one, and does not count. */
export function findPipelineWise(): string | undefined {
  const directories = (process.env["PATH"] ?? "").split(delimiter).filter((directory) => directory.startsWith("/"));
  return directories
    .map((directory) => join(directory, "pipelinewise"))
    .find((path) => isExecutable(path) && readVersion(path) !== undefined);
}

/** Name of the tests that are skipped if there is none. */
export const WITHOUT_PIPELINEWISE = "skipped: no pipelinewise on the PATH (it is in no registry; see CONTRIBUTING.md)";

/** The dialect of that PipelineWise, by its `--version`. */
export const findDialect = (program: string): Dialect => dialectOf(readVersion(program) ?? "");

/** `undefined` for anything that is not a real PipelineWise. */
function readVersion(path: string): string | undefined {
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  return stdout?.match(/^PipelineWise (\S+) - Command Line Interface\n$/)?.[1];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
