import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The PipelineWise on the PATH; `undefined` where there is none. A stand-in says that it is one, and does not count. */
export function findPipelineWise(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  return folders.map((folder) => join(folder, "pipelinewise")).find((path) => isExecutable(path) && isReal(path));
}

/** Where there is none, tests of it are skipped under this name. */
export const WITHOUT_PIPELINEWISE = "skipped: no pipelinewise on the PATH (it is in no registry; see CONTRIBUTING.md)";

const isReal = (path: string): boolean =>
  /^PipelineWise \S+ - Command Line Interface\n$/.test(
    spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "",
  );

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
