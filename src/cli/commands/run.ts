import { dirname } from "node:path";
import { type Command, Option } from "commander";
import { UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { compileSchedule } from "../../installed/compile.ts";
import type { RunPlan, RunRequest } from "../../run/plan.ts";
import { planByHand } from "../../run/plan-by-hand.ts";
import { loadSchedule } from "../../schedule/load.ts";
import { absolutePath, resolveConfigDir } from "../../storage/config-dir.ts";
import { findStateDirectory, openStateDirectory } from "../../storage/directory.ts";
import { statePaths } from "../../storage/paths.ts";
import { examples, type Finish } from "../command.ts";
import { parseRunArguments, RUN_OPTIONS } from "../run-arguments.ts";
import { warnRoot } from "../run-by-hand.ts";
import { runMain, runPlan } from "../run-command.ts";

/** The plan of a run by hand from a schedule file instead of an installed schedule. */
async function planFromFile(request: RunRequest, file: string, host: Host): Promise<RunPlan> {
  const schedule = await loadSchedule(file, host);
  const { pipelinewise, source, pipelines } = schedule;
  if (!pipelines.some(({ tap, target }) => tap === request.tap && target === request.target)) {
    throw new UsageError(`${request.tap} → ${request.target} is not in ${file}`, "Remove --file to run it anyway.");
  }
  const directory = dirname(source.path);
  const configDir = await resolveConfigDir(host, {
    flag: request.configDir,
    file: pipelinewise.configDir === undefined ? undefined : { value: pipelinewise.configDir, directory },
  });
  const envFile = pipelinewise.envFile === undefined ? undefined : absolutePath(pipelinewise.envFile, directory, host);
  const storedSchedule = compileSchedule(schedule, { configDir, envFile, at: host.now() });
  const state = request.dryRun
    ? ((await findStateDirectory(configDir, host.uid)) ?? { paths: statePaths(configDir) })
    : await openStateDirectory(configDir, host.uid);
  await warnRoot(configDir, host, "run");
  return planByHand(request, [{ storedSchedule, host: { command: pipelinewise.command } }], {
    paths: state.paths,
    host,
  });
}

/** Adds `run` with its help and `--file`. The entry point `entry/run.ts` handles all other calls of `run`. */
export function addRun(command: Command, host: Host, finish: Finish): void {
  const options: readonly { readonly name: string; readonly value?: string; readonly help: string }[] = RUN_OPTIONS;
  command
    .usage("--tap ID --target ID [options] [-- arguments]")
    // commander only shows these options; `parseRunArguments` parses them.
    .allowUnknownOption()
    .allowExcessArguments()
    .configureHelp({
      visibleOptions: () => [
        ...options.map(({ name, value, help }) => new Option(value ? `--${name} <${value}>` : `--${name}`, help)),
        new Option("-h, --help", "display help for command"),
      ],
    })
    .addHelpText("after", "\nArguments after -- are passed to PipelineWise's command.")
    .addHelpText(
      "after",
      examples("run --tap orders --target redshift", "run --tap orders --target redshift -- --extra_log"),
    )
    .action(async (_options: unknown, command: Command) => {
      const request = parseRunArguments(command.args);
      const { file } = request;
      if (file === undefined) return finish(await runMain(command.args, host));
      finish(await runPlan(request, await planFromFile(request, file, host), host));
    });
}
