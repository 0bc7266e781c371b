import { mkdir, writeFile } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { Command } from "commander";
import { renderExport } from "../../crontab/export.ts";
import { UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { loadSchedule } from "../../schedule/load.ts";
import type { PipelinewiseCall } from "../../schedule/schedule.ts";
import { storeFault } from "../../store-fault.ts";

interface ExportFlags {
  readonly node: string;
  readonly program: string;
  readonly configDir?: string;
  readonly output?: string;
}

export function addExport(command: Command, host: Host): void {
  command
    .argument("[file]", "path of the schedule file", "schedule.yml")
    .requiredOption("--node <path>", "where Node is on that machine")
    .requiredOption("--program <path>", "where pipelinewise-sched is on that machine")
    .option("--config-dir <dir>", "PipelineWise's config directory on that machine (default: ~/.pipelinewise there)")
    .option("--output <dir>", "write the file crontab into this folder instead of printing it")
    .action(async (file: string, { node, program: path, configDir, output }: ExportFlags) => {
      const schedule = await loadSchedule(file, host);
      demandAbsolute("--node", node);
      demandAbsolute("--program", path);
      const call = { node, program: path, configDir: remoteConfigDir(configDir, schedule.pipelinewise) };
      const text = renderExport(schedule, call);
      if (output === undefined) host.stdout.write(text);
      else host.stderr.write(`wrote ${await writeExport(resolve(host.cwd, output), text)}\n`);
    });
}

function demandAbsolute(option: string, path: string): void {
  if (!isAbsolute(path))
    throw new UsageError(
      `${option} ${path} is not an absolute path`,
      "cron knows no working folder: write it in full.",
    );
}

/** The config directory as the lines must name it; `undefined` when a run there finds it by itself. */
function remoteConfigDir(flag: string | undefined, { configDir }: PipelinewiseCall): string | undefined {
  const named = (flag ?? configDir)?.replace(/(?<=.)\/+$/, "");
  if (named === undefined || named === "~/.pipelinewise") return undefined;
  if (isAbsolute(named)) return named;
  throw new UsageError(
    `the config directory ${named} means another folder on another machine`,
    "Write it in full, as it is there: --config-dir /ABSOLUTE/DIR.",
  );
}

async function writeExport(folder: string, text: string): Promise<string> {
  const path = join(folder, "crontab");
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(path, text);
    return path;
  } catch (error) {
    throw storeFault("write", path, error);
  }
}
