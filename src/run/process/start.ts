import { SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { RUN_TOKEN_ENV } from "../../lock/lock.ts";
import { entryLabel } from "../../pipeline-id.ts";
import { parseContainerCommand } from "../../system/container-command.ts";
import { findProgram } from "../../system/find-program.ts";
import { maskValues } from "../../text/mask.ts";
import type { RunContainer } from "../containers/run-container.ts";
import type { LockedContext } from "../context.ts";
import type { RunPlan } from "../plan.ts";
import { environmentSecrets } from "../secrets.ts";
import { applyEnvironment, type EnvironmentChange, readEnvironment } from "./environment.ts";
import { openRunLog, type RunLog } from "./output.ts";
import { findSetpriv } from "./process-group.ts";
import { type PipelineProcess, spawnPipeline } from "./spawn.ts";

/** A running pipeline and the log of its output. */
export interface StartedPipeline {
  readonly process: PipelineProcess;
  readonly log: RunLog;
  /** The variables that it has in addition to the wrapper's. */
  readonly environment: readonly EnvironmentChange[];
  /** `undefined` if it does not run in a container. */
  readonly container?: RunContainer | undefined;
}

/**
 * The command line with the name that PipelineWise has for fast sync. An installed schedule has that name; otherwise
 * PipelineWise is asked, which takes a second or two.
 */
async function nameFastSync(
  { entry, fastSyncAt }: Pick<RunPlan, "entry" | "fastSyncAt">,
  argv: readonly string[],
  host: Pick<Host, "signals"> & { readonly env: NodeJS.ProcessEnv },
): Promise<readonly string[]> {
  if (fastSyncAt === undefined) return argv;
  const { askKnownCommands, fastSyncName } = await import("../../system/known-commands.ts");
  const known = await askKnownCommands(argv.slice(0, fastSyncAt), host);
  return argv.with(fastSyncAt, fastSyncName(known, entryLabel(entry)));
}

/** The command line of the run, with the absolute path of its program. */
export async function findCommand(
  plan: Pick<RunPlan, "entry" | "fastSyncAt" | "argv">,
  host: Pick<Host, "signals"> & { readonly env: NodeJS.ProcessEnv },
): Promise<readonly string[]> {
  const program = await findProgram(plan.argv[0] ?? "", host.env["PATH"]);
  return nameFastSync(plan, [program, ...plan.argv.slice(1)], host);
}

/** A process that is to be started. */
interface FoundProgram {
  /** Its command line, with the absolute path of the program. */
  readonly argv: readonly string[];
  readonly container?: RunContainer | undefined;
}

/** Finds the command line of a pipeline, and prepares its container if it runs in one. */
async function findPipeline(
  { plan, host, store, id }: LockedContext,
  env: NodeJS.ProcessEnv,
  changes: readonly EnvironmentChange[],
): Promise<FoundProgram> {
  const argv = await findCommand(plan, { env, signals: host.signals });
  if (parseContainerCommand(argv) === undefined) return { argv };
  const { prepareContainer } = await import("../containers/run-container.ts");
  const { variablesOf } = await import("../containers/options.ts");
  // A call of the engine is not a process of the pipeline.
  return prepareContainer(
    argv,
    { ...env, [RUN_TOKEN_ENV]: undefined },
    {
      runId: id,
      configDir: plan.paths.configDir,
      lock: store.lock.id,
      variables: [...variablesOf(changes, plan.environment), RUN_TOKEN_ENV],
    },
  );
}

/**
 * Finds, reads and opens everything that the pipeline needs, then starts it. If this rejects, nothing was started.
 *
 * @param attempt number of the attempt, from 1
 */
export const startPipeline = (run: LockedContext, attempt: number): Promise<StartedPipeline> =>
  startProcess(run, {
    log: run.store.runLogFile({ id: run.id, startedAt: run.startedAt, attempt }),
    find: (env, changes) => findPipeline(run, env, changes),
  });

/** A process of a run that is to be started. */
interface ProcessStart {
  /** Path of the log that gets its output. */
  readonly log: string;
  /** Written to the log before the output. */
  readonly heading?: string;
  /** Variables in addition to the pipeline's. */
  readonly variables?: NodeJS.ProcessEnv;
  /** Finds the program. */
  readonly find: (env: NodeJS.ProcessEnv, changes: readonly EnvironmentChange[]) => Promise<FoundProgram>;
}

/** Starts a process with the environment of the run's pipeline. If this rejects, nothing was started. */
export async function startProcess(
  { plan, host, lock }: LockedContext,
  { log: path, heading, variables, find }: ProcessStart,
): Promise<StartedPipeline> {
  const { paths, output } = plan;
  const changes = await readEnvironment(plan.environment, paths.configDir, host);
  const env: NodeJS.ProcessEnv = { ...applyEnvironment(host, changes), ...variables, [RUN_TOKEN_ENV]: lock.token };
  const { argv, container } = await find(env, changes).catch((error) => {
    // It may quote the PATH of env_file, or what PipelineWise printed, and it is recorded.
    if (error instanceof SchedError) {
      error.message = maskValues(error.message, environmentSecrets(host.env, changes));
    }
    throw error;
  });
  const setpriv = await findSetpriv();
  const log = await openRunLog(paths, path, host.uid);
  try {
    if (heading !== undefined) await log.file.writeAll(Buffer.from(heading));
    const process = await spawnPipeline({
      argv,
      env,
      stdin: lock.stdin,
      output: output.passThrough ? "pipe" : log.file.fd,
      setpriv,
    });
    return { process, log, environment: changes, container };
  } catch (error) {
    await log.file.close();
    throw error;
  }
}
