import { type Command, Option } from "commander";
import { findRun, type RunChoice } from "../../control/find-run.ts";
import { EXIT, SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { PipelineScope } from "../../pipeline-id.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { type StatePaths, statePaths } from "../../storage/paths.ts";
import { examples } from "../command.ts";
import { assertKnown } from "../known-pipelines.ts";
import { logWriter } from "../logs/files.ts";
import { followLog, showLog } from "../logs/show.ts";
import { actAsOwner } from "../switch-user.ts";

interface LogsFlags extends PipelineScope {
  readonly run?: string;
  readonly failed?: boolean;
  readonly follow?: boolean;
  readonly pipelinewise?: boolean;
  readonly configDir?: string;
}

export function addLogs(command: Command, caller: Host): void {
  command
    .option("--tap <tap>", "the newest run of this tap")
    .option("--target <target>", "the newest run into this target")
    .addOption(new Option("--run <id>", "the run with this id, which `history` shows").conflicts("failed"))
    .option("--failed", "the newest run that failed")
    .option("-f, --follow", "show the log of a running run as it grows, until the run has ended")
    .option("--pipelinewise", "also show the logs that PipelineWise itself wrote in the run")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples("logs --tap orders --follow", "logs --failed"))
    .action(async (flags: LogsFlags) => {
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const state = await findStateDirectory(configDir, host.uid);
      const paths = state?.paths ?? statePaths(configDir);
      const { tap, target } = flags;
      const choice = choiceOf(flags);
      const found = await findRun({ tap, target }, choice, { paths, host });
      if (found === undefined) throw await nothingFound({ tap, target }, choice, { paths, host });
      const context = { paths, host, write: logWriter(host.stdout), pipelinewise: flags.pipelinewise === true };
      await (flags.follow === true && found.record === undefined ? followLog : showLog)(found, context);
    });
}

function choiceOf({ run, failed = false }: LogsFlags): RunChoice {
  if (run !== undefined) return { kind: "id", id: run };
  return { kind: failed ? "failed" : "newest" };
}

const pipelineOf = ({ tap, target }: PipelineScope): string =>
  tap !== undefined && target !== undefined ? `${tap} → ${target}` : (tap ?? target ?? "");

/** The error for a run that does not exist. Throws if the pipeline is not known at all. */
async function nothingFound(
  scope: PipelineScope,
  choice: RunChoice,
  { paths, host }: { readonly paths: StatePaths; readonly host: Host },
): Promise<SchedError> {
  await assertKnown(paths, scope, host);
  const pipeline = pipelineOf(scope);
  const of = pipeline === "" ? "" : ` of ${pipeline}`;
  const message =
    choice.kind === "id"
      ? `no run${of} with the id ${JSON.stringify(choice.id)} is running or recorded`
      : choice.kind === "failed"
        ? `no failed run${of} is recorded`
        : pipeline === ""
          ? `no run is recorded in ${paths.root}`
          : `${pipeline} has not run yet`;
  return new SchedError(message, {
    exitCode: EXIT.noInput,
    hint: "Show what ran and what was skipped: pipelinewise-sched history",
  });
}
