import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Dialect, dialectOf } from "./dialect.ts";

/** The PipelineWise on the PATH; `undefined` where there is none. A stand-in says that it is one, and does not count. */
export function findPipelineWise(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  return folders
    .map((folder) => join(folder, "pipelinewise"))
    .find((path) => isExecutable(path) && readVersion(path) !== undefined);
}

/** Where there is none, tests of it are skipped under this name. */
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
