import { readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { Command } from "commander";
import type { WrapperCall } from "../../command-line.ts";
import { findZone, nearestZones } from "../../cron/zone-names.ts";
import { errorCode, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { horizonFrom } from "../../installed/zones.ts";
import type { PipelinewiseCall, Schedule } from "../../schedule/schedule.ts";
import { renderExport } from "../../schedulers/cron/render.ts";
import type { ExportFile } from "../../schedulers/scheduler.ts";
import { storeFault } from "../../storage/store-error.ts";
import { readMachineZone } from "../../system/time-zone.ts";
import { CRON, loadExporter, onOption } from "../options.ts";
import { demandExportable, exportJob, loadSound, type SoundFile } from "../prepare-install.ts";

interface ExportFlags {
  readonly node: string;
  readonly program: string;
  readonly configDir?: string;
  readonly machineZone?: string;
  readonly output?: string;
  readonly on: string;
}

export function addExport(command: Command, host: Host): void {
  command
    .argument("[file]", "path of the schedule file", "schedule.yml")
    .addOption(onOption())
    .requiredOption("--node <path>", "path of Node on that machine")
    .requiredOption("--program <path>", "path of pipelinewise-sched on that machine")
    .option("--config-dir <dir>", "PipelineWise's config directory on that machine (default: ~/.pipelinewise)")
    .option("--machine-zone <zone>", "time zone of that machine (default: this machine's)")
    .option("--output <dir>", "write the files into this directory instead of printing them")
    .action(async (file: string, { node, program: path, configDir, machineZone, output, on }: ExportFlags) => {
      const sound = await loadSound(file, host);
      const { schedule } = sound;
      demandAbsolute("--node", node);
      demandAbsolute("--program", path);
      const dir = remoteConfigDir(configDir, schedule.pipelinewise);
      const call = { node, program: path, configDir: dir, schedule: schedule.name };
      const zone = machineZone === undefined ? zoneHere(schedule, on, host) : knownZone(machineZone);
      const folder = output === undefined ? undefined : resolve(host.cwd, output);
      const files =
        on === CRON
          ? [cronFile(sound, call, zone, host)]
          : await filesFor(on, sound, { call, machineZone: zone, folder }, host);
      if (folder === undefined) host.stdout.write(renderFiles(files));
      else await writeFiles(folder, files, host);
    });
}

/** The zone of this machine. Without zones in the schedule, the crontab lines are the same on every machine. */
const zoneHere = ({ pipelines }: Schedule, on: string, { root }: Host): string =>
  on === CRON && pipelines.every(({ timezone }) => timezone === undefined) ? "UTC" : readMachineZone(root).zone;

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
      "Write the absolute path: cron has no working directory.",
    );
}

/** The config directory to write into the lines; `undefined` if a run on that machine finds it by itself. */
function remoteConfigDir(flag: string | undefined, { configDir }: PipelinewiseCall): string | undefined {
  const named = (flag ?? configDir)?.replace(/(?<=.)\/+$/, "");
  if (named === undefined || named === "~/.pipelinewise") return undefined;
  if (isAbsolute(named)) return named;
  throw new UsageError(
    `the config directory ${named} may be a different directory on another machine`,
    "Give its absolute path on that machine: --config-dir /ABSOLUTE/DIR.",
  );
}

function cronFile({ schedule }: SoundFile, call: WrapperCall, machineZone: string, host: Host): ExportFile {
  const text = renderExport(schedule, call, { machineZone, horizon: horizonFrom(host.now()) });
  return { name: "crontab", text };
}

async function filesFor(
  on: string,
  sound: SoundFile,
  { call, machineZone, folder }: { call: WrapperCall; machineZone: string; folder: string | undefined },
  host: Host,
): Promise<readonly ExportFile[]> {
  const exporter = await loadExporter(on);
  const { configDir } = call;
  if (configDir === undefined) {
    throw new UsageError(
      `--on ${on} needs the config directory: ${exporter.title} may start a run without the user's HOME`,
      "Give its absolute path on that machine: --config-dir /ABSOLUTE/DIR.",
    );
  }
  const job = exportJob(sound.schedule, { ...call, configDir }, machineZone, host);
  demandExportable(exporter, job, sound, host);
  return exporter.render(job, (name) => (folder === undefined ? undefined : readIfThere(join(folder, name))));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw storeFault("read", path, error);
  }
}

/** The content of one file; several files each below their name, as `systemctl cat` shows them. */
function renderFiles(files: readonly ExportFile[]): string {
  const [only] = files;
  if (only !== undefined && files.length === 1) return only.text;
  return files.map(({ name, text }) => `# ${name}\n${text}`).join("\n");
}

async function writeFiles(folder: string, files: readonly ExportFile[], host: Host): Promise<void> {
  for (const { name, text } of files) {
    const path = join(folder, name);
    // A scheduler may read the directory at the same time.
    const beside = join(folder, `.${name}.${host.name}.${host.pid}.tmp`);
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(beside, text);
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true }).catch(() => {});
      throw storeFault("write", path, error);
    }
    host.stderr.write(`wrote ${path}\n`);
  }
}
