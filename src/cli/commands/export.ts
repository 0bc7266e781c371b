import { mkdir, writeFile } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { Command } from "commander";
import { horizonFrom } from "../../compiled/zones.ts";
import { findZone, nearestZones } from "../../cron/zone.ts";
import { renderExport } from "../../crontab/export.ts";
import { UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { readMachineZone } from "../../machine-zone.ts";
import { loadSchedule } from "../../schedule/load.ts";
import type { PipelinewiseCall, Schedule } from "../../schedule/schedule.ts";
import { storeFault } from "../../store-fault.ts";

interface ExportFlags {
  readonly node: string;
  readonly program: string;
  readonly configDir?: string;
  readonly machineZone?: string;
  readonly output?: string;
}

export function addExport(command: Command, host: Host): void {
  command
    .argument("[file]", "path of the schedule file", "schedule.yml")
    .requiredOption("--node <path>", "where Node is on that machine")
    .requiredOption("--program <path>", "where pipelinewise-sched is on that machine")
    .option("--config-dir <dir>", "PipelineWise's config directory on that machine (default: ~/.pipelinewise there)")
    .option("--machine-zone <zone>", "time zone of that machine (default: this machine's)")
    .option("--output <dir>", "write the file crontab into this folder instead of printing it")
    .action(async (file: string, { node, program: path, configDir, machineZone, output }: ExportFlags) => {
      const schedule = await loadSchedule(file, host);
      demandAbsolute("--node", node);
      demandAbsolute("--program", path);
      const call = { node, program: path, configDir: remoteConfigDir(configDir, schedule.pipelinewise) };
      const zone = machineZone === undefined ? zoneHere(schedule, host) : knownZone(machineZone);
      const text = renderExport(schedule, call, { machineZone: zone, horizon: horizonFrom(host.now()) });
      if (output === undefined) host.stdout.write(text);
      else host.stderr.write(`wrote ${await writeExport(resolve(host.cwd, output), text)}\n`);
    });
}

/** Where the schedule names no zones, the lines are the same on every machine. */
const zoneHere = ({ pipelines }: Schedule, { root }: Host): string =>
  pipelines.every(({ timezone }) => timezone === undefined) ? "UTC" : readMachineZone(root).zone;

function knownZone(name: string): string {
  if (findZone(name) !== undefined) return name;
  throw new UsageError(
    `--machine-zone: no time zone is called ${name}`,
    `Did you mean ${nearestZones(name, 3).join(", ")}?`,
  );
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
