import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { importProject } from "../../control/import.ts";
import { assertDeletionsAllowed, directoryName, readProject } from "../../control/import-deletions.ts";
import { EXIT, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { readConfiguredPipelines } from "../../install/pipelinewise.ts";
import { type InstalledSchedule, listStored, readStored } from "../../installed/store.ts";
import { lockLabel, type PipelineId } from "../../pipeline-id.ts";
import { variablesOf } from "../../run/containers/options.ts";
import { environmentOf } from "../../run/plan.ts";
import { readPipelineState } from "../../run/policies/state-copies.ts";
import { applyEnvironment, readEnvironment } from "../../run/process/environment.ts";
import { parseDuration, ValueError } from "../../schedule/values.ts";
import { resolveConfigDir } from "../../storage/config-dir.ts";
import { openStateDirectory } from "../../storage/directory.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { addRunOptions, variableOptions } from "../../system/container-command.ts";
import { findProgram } from "../../system/find-program.ts";
import { examples, type Finish } from "../command.ts";
import { notInstalled } from "../not-installed.ts";
import { warnRoot } from "../run-by-hand.ts";

interface ImportFlags {
  readonly dir?: string;
  readonly taps?: string;
  readonly wait: number;
  readonly allowDelete?: readonly string[];
  readonly schedule?: string;
  readonly configDir?: string;
}

function waitOption(text: string): number {
  try {
    return text === "0" ? 0 : parseDuration(text);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new UsageError(`--wait: ${error.message}`, error.hint);
  }
}

function allowDeleteOption(text: string): readonly string[] {
  const names = text.split(",");
  const wrong = names.find((name) => !/^[^/]+\/[^/]+$/.test(name));
  if (wrong === undefined) return names;
  throw new UsageError(
    `--allow-delete: ${JSON.stringify(wrong)} is not of the form TARGET/TAP`,
    "Write the target and the tap of each pipeline, separated by commas: --allow-delete TARGET/TAP,TARGET/TAP",
  );
}

export function addImport(command: Command, host: Host, finish: Finish): void {
  command
    .option("--dir <dir>", "directory of the PipelineWise project, with its tap_*.yml and target_*.yml")
    .option("--taps <ids>", "discover only these taps, separated by commas (PipelineWise's own option)")
    .addOption(
      new Option("--wait <duration>", "longest wait for running pipelines, such as 30m")
        .default(waitOption("30m"), "30m")
        .argParser(waitOption),
    )
    .addOption(
      new Option(
        "--allow-delete <pipelines>",
        "pipelines with a state that the import may delete: TARGET/TAP, separated by commas",
      ).argParser(allowDeleteOption),
    )
    .option("--schedule <name>", "installed schedule whose command and environment are used (default: the only one)")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .argument("[options...]", "after --: more options for PipelineWise, such as --secret FILE")
    .addHelpText("after", examples("import --dir ~/project", "import --dir ~/project -- --secret ~/vault.txt"))
    .action(async (extra: readonly string[], flags: ImportFlags) => {
      if (flags.dir === undefined) {
        throw new UsageError(
          "--dir is missing",
          "Name the directory with the tap_*.yml and target_*.yml of the PipelineWise project: --dir DIR",
        );
      }
      const configDir = await resolveConfigDir(host, { flag: flags.configDir });
      await warnRoot(configDir, host, "import");
      const { paths } = await openStateDirectory(configDir, host.uid);
      const from = await findInstalled(paths, flags.schedule, host);
      const directory = resolve(host.cwd, flags.dir);
      const [existing, defined] = await Promise.all([readConfiguredPipelines(configDir), readProject(directory)]);
      await checkDeletions({ paths, existing, defined }, flags.allowDelete ?? []);
      const environment = environmentOf(from, host);
      const changes = await readEnvironment(environment, configDir, host);
      const env = applyEnvironment(host, changes);
      const [name = "pipelinewise", ...words] = from?.host?.command ?? [];
      const taps = flags.taps === undefined ? [] : ["--taps", flags.taps];
      const command = addRunOptions(
        [await findProgram(name, env["PATH"]), ...words],
        variableOptions(variablesOf(changes, environment)),
      );
      const argv = [...command, "import_config", "--dir", directory, ...taps, ...extra];
      const end = await importProject(
        { paths, argv, env, pipelines: union(existing, defined), waitMs: flags.wait },
        host,
      );
      if (end.kind === "in-use") {
        host.stderr.write(
          `nothing was imported: ${lockLabel(end.lock)} ${end.inUse}\n  Try again later, or wait longer: --wait 2h\n`,
        );
        return finish(EXIT.skipped);
      }
      if (end.kind === "ended") return finish(end.code);
      const { summary, exitCode } = end.outcome;
      const hint = "Import again: PipelineWise may have imported a part of the project.";
      host.stderr.write(
        end.hasBegun ? `the import ${summary}\n  ${hint}\n` : `nothing was imported: the import ${summary}\n`,
      );
      finish(exitCode);
    });
}

/** The schedule whose command and environment are used; `undefined` if none is installed. */
async function findInstalled(
  paths: StatePaths,
  name: string | undefined,
  host: Host,
): Promise<InstalledSchedule | undefined> {
  if (name !== undefined) {
    const named = await readStored(paths, name, host);
    if (named !== undefined) return named;
    throw await notInstalled(name, paths, "--schedule");
  }
  const all = await listStored(paths, host);
  if (all.length < 2) return all[0];
  const names = all.map(({ storedSchedule }) => storedSchedule.name).join(", ");
  throw new UsageError(`several schedules are installed: ${names}`, "Choose one with --schedule NAME.");
}

/** All pipelines of both lists, each once, in a fixed order. */
function union(one: readonly PipelineId[], other: readonly PipelineId[]): readonly PipelineId[] {
  const all = new Map([...one, ...other].map((pipeline) => [directoryName(pipeline), pipeline]));
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pipeline]) => pipeline);
}

async function checkDeletions(
  {
    paths,
    existing,
    defined,
  }: { readonly paths: StatePaths; readonly existing: readonly PipelineId[]; readonly defined: readonly PipelineId[] },
  allowed: readonly string[],
): Promise<void> {
  const kept = new Set(defined.map(directoryName));
  const deleted = existing.filter((pipeline) => !kept.has(directoryName(pipeline)));
  const states = await Promise.all(deleted.map((pipeline) => readPipelineState(paths, pipeline)));
  assertDeletionsAllowed({ deleted, withState: deleted.filter((_, index) => states[index] !== undefined) }, allowed);
}
