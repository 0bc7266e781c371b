import { isAbsolute, join, resolve } from "node:path";
import type { Command } from "commander";
import type { WrapperCall } from "../../command-line.ts";
import { StoreError, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { installJob, scheduleState } from "../../install/install.ts";
import { assertNoErrors, renderDiagnostic } from "../../schedule/diagnostic.ts";
import { loadValid } from "../../schedule/load.ts";
import type { PipelinewiseCall, Schedule } from "../../schedule/schedule.ts";
import { parseZone, ValueError } from "../../schedule/values.ts";
import { loadScheduler } from "../../schedulers/registry.ts";
import type { ExportFile, Scheduler } from "../../schedulers/scheduler.ts";
import { assertPlainPath } from "../../storage/config-dir.ts";
import { findFile } from "../../system/find-file.ts";
import { replaceFile } from "../../system/replace-file.ts";
import { readMachineZone } from "../../system/time-zone.ts";
import { examples } from "../command.ts";
import { type CallFlags, callPaths, onOption, withCallOptions } from "../options.ts";

interface ExportFlags extends CallFlags {
  readonly configDir?: string;
  readonly machineZone?: string;
  readonly output?: string;
  readonly on: string;
}

export function addExport(command: Command, host: Host): void {
  withCallOptions(
    command.argument("[file]", "path of the schedule file", "schedule.yml").addOption(onOption()),
    "the machine that runs the pipelines",
  )
    .option("--config-dir <dir>", "PipelineWise's config directory on that machine (default: ~/.pipelinewise)")
    .option("--machine-zone <zone>", "time zone of that machine (default: this machine's)")
    .option(
      "--output <dir>",
      "write the files into this directory instead of printing them; only files of an earlier export are replaced",
    )
    .addHelpText(
      "after",
      examples(
        "export schedule.yml --machine-zone Europe/London",
        "export --on airflow --config-dir /srv/etl --output dags",
      ),
    )
    .action(async (file: string, { configDir, machineZone, output, on, ...flags }: ExportFlags) => {
      const scheduler = await loadScheduler(on);
      const valid = await loadValid(file, host);
      const { schedule } = valid;
      const paths = callPaths(flags, host);
      const isHere = flags.node === undefined && flags.program === undefined;
      const call = {
        ...paths,
        schedule: schedule.name,
        configDir: await configDirFor(scheduler, schedule, { flag: configDir, isHere }, host),
      };
      const zone = machineZone === undefined ? readMachineZone(host.root).zone : knownZone(machineZone);
      const job = installJob(schedule, { scheduler, call, machineZone: zone, at: host.now(), isExport: true });
      const diagnostics = valid.place(scheduler.check(job));
      assertNoErrors(file, diagnostics);
      for (const diagnostic of diagnostics) host.stderr.write(renderDiagnostic(diagnostic));
      const directory = output === undefined ? undefined : resolve(host.cwd, output);
      const existing = new Map<string, string>();
      if (directory !== undefined) {
        for (const { name } of scheduler.render(job)) {
          const text = await findEarlierExport(join(directory, name), scheduler);
          if (text !== undefined) existing.set(name, text);
        }
      }
      const files = scheduler.render(job, (name) => existing.get(name));
      for (const line of ownPaths(flags, job.call)) host.stderr.write(`${line}\n`);
      if (directory === undefined) host.stdout.write(renderFiles(files));
      else await writeFiles(directory, files, host);
    });
}

/** Says which of this machine's own paths the commands contain. */
function ownPaths(flags: CallFlags, { node, program, isOnPath }: WrapperCall): readonly string[] {
  if (isOnPath === true) return [];
  const own = [
    ...(flags.node === undefined ? [`Node ${node}`] : []),
    ...(flags.program === undefined ? [`program ${program}`] : []),
  ];
  if (own.length === 0) return [];
  return [`the commands use this machine's paths: ${own.join(", ")}; for another machine add --node and --program`];
}

/**
 * The config directory to write into the commands; `undefined` if a run on that machine finds it by itself.
 *
 * @param isHere the commands are for this machine
 */
async function configDirFor(
  scheduler: Scheduler,
  schedule: Schedule,
  { flag, isHere }: { readonly flag: string | undefined; readonly isHere: boolean },
  host: Host,
): Promise<string | undefined> {
  // An absolute path may be another machine's, also where the commands name no program, as for Airflow.
  if (isHere && scheduler.needsConfigDir && !isAbsolute(flag ?? "")) {
    return (await scheduleState(schedule, flag, host)).configDir;
  }
  const configDir = remoteConfigDir(flag, schedule.pipelinewise);
  if (configDir !== undefined || !scheduler.needsConfigDir) return configDir;
  throw new UsageError(
    `--on ${scheduler.name} needs the config directory: ${scheduler.title} may start a run without the user's HOME`,
    "Give its absolute path on that machine: --config-dir /ABSOLUTE/DIR.",
  );
}

function knownZone(name: string): string {
  try {
    return parseZone(name);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new UsageError(`--machine-zone: ${error.message}`, error.hint);
  }
}

/** The config directory on another machine; `undefined` if a run there finds it by itself. */
function remoteConfigDir(flag: string | undefined, { configDir }: PipelinewiseCall): string | undefined {
  const named = (flag ?? configDir)?.replace(/(?<=.)\/+$/, "");
  if (named === undefined || named === "~/.pipelinewise") return undefined;
  assertPlainPath("the config directory", named);
  if (isAbsolute(named)) return named;
  throw new UsageError(
    `the config directory ${named} may be a different directory on another machine`,
    "Give its absolute path on that machine: --config-dir /ABSOLUTE/DIR.",
  );
}

/**
 * The text of a file that an earlier export has written, and that this one may replace; `undefined` if nothing is
 * there.
 *
 * @throws StoreError if something else is there
 */
async function findEarlierExport(path: string, { isExport }: Scheduler): Promise<string | undefined> {
  const found = await findFile(path);
  if (found.kind === "absent") return undefined;
  if (found.kind === "file" && isExport(found.text)) return found.text;
  throw new StoreError(
    found.kind === "file"
      ? `${path} was not written by pipelinewise-sched export, so it is not replaced`
      : `${path} is not a regular file, so it is not replaced`,
    { hint: "Move it to another directory, or name another directory with --output." },
  );
}

/** The content of one file; several files each below their name, as `systemctl cat` shows them. */
function renderFiles(files: readonly ExportFile[]): string {
  const [only] = files;
  if (only !== undefined && files.length === 1) return only.text;
  return files.map(({ name, text }) => `# ${name}\n${text}`).join("\n");
}

async function writeFiles(directory: string, files: readonly ExportFile[], host: Host): Promise<void> {
  for (const { name, text } of files) {
    const path = join(directory, name);
    await replaceFile(path, text);
    host.stderr.write(`wrote ${path}\n`);
  }
}
