import { EXIT, SchedError } from "../errors.ts";
import type { Host } from "../host.ts";
import { listCompiled, readCompiled } from "../installed/store.ts";
import type { PipelineLocks } from "../lock/lock.ts";
import { pipelineLocks } from "../lock/pipeline-locks.ts";
import { stopWithin } from "../lock/timing.ts";
import { DEFAULT_SCHEDULE_NAME } from "../pipeline-id.ts";
import { planByHand, planScheduled, type RunPlan, type RunRequest } from "../run/plan.ts";
import type { StopTiming } from "../run/process/terminate.ts";
import { run } from "../run/run.ts";
import { resolveConfigDir } from "../storage/config-dir.ts";
import { findStateFolder, openStateFolder } from "../storage/directory.ts";
import { statePaths } from "../storage/paths.ts";
import { renderFault } from "./format-error.ts";
import { parseRunArguments } from "./run-arguments.ts";

/** Replacements that tests pass in. */
export interface RunParts {
  readonly locks?: PipelineLocks;
  readonly timing?: StopTiming;
}

/**
 * The state directory of a config directory. A run by hand creates it if it is missing; other runs write nothing here.
 */
async function openState(configDir: string, host: Host, request: RunRequest) {
  if (!request.dryRun && !request.scheduled) return openStateFolder(configDir, host.uid);
  return (await findStateFolder(configDir, host.uid)) ?? { paths: statePaths(configDir), warnings: [] };
}

/** The plan of a request, from the schedules that are installed on this host. */
async function planInstalled(request: RunRequest, host: Host): Promise<RunPlan> {
  const configDir = await resolveConfigDir(host, { flag: request.configDir });
  const { paths, warnings } = await openState(configDir, host, request);
  const place = { paths, hostName: host.name, cwd: host.cwd };
  if (request.scheduled) {
    return planScheduled(request, await readCompiled(paths, request.schedule ?? DEFAULT_SCHEDULE_NAME, host), place);
  }
  for (const warning of warnings) host.stderr.write(`pipelinewise-sched: warning: ${warning}\n`);
  if (request.schedule === undefined) return planByHand(request, await listCompiled(paths, host), place);
  const named = await readCompiled(paths, request.schedule, host);
  if (named !== undefined) return planByHand(request, [named], place);
  throw new SchedError(`no schedule named ${request.schedule} is installed in ${configDir}`, {
    exitCode: EXIT.noInput,
  });
}

/** Runs a plan, or prints it with `--dry-run`. */
export async function carryOut(request: RunRequest, plan: RunPlan, host: Host, parts: RunParts = {}): Promise<number> {
  const { stopWithinSeconds: seconds } = request;
  const timing = parts.timing ?? (seconds === undefined ? undefined : stopWithin(seconds));
  if (!request.dryRun) return run(plan, host, parts.locks ?? pipelineLocks(), timing);
  const { renderDryRun } = await import("../run/dry-run.ts");
  host.stdout.write(await renderDryRun(plan, host));
  return EXIT.ok;
}

/**
 * Executes `run`, from its arguments to its exit code. A scheduled start that is skipped loads only the imports of this
 * file.
 *
 * @param argv the arguments after `run`
 */
export async function runMain(argv: readonly string[], host: Host, parts: RunParts = {}): Promise<number> {
  try {
    const request = parseRunArguments(argv);
    return await carryOut(request, await planInstalled(request, host), host, parts);
  } catch (error) {
    const { text, exitCode } = renderFault(error);
    host.stderr.write(text);
    return exitCode;
  }
}
