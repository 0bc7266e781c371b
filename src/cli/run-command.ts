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

/** What only a test gives, in place of the real ones. */
export interface RunParts {
  readonly locks?: PipelineLocks;
  readonly timing?: StopTiming;
}

/** `.sched` of a config directory; made where it is missing, unless nothing may be written. */
async function openState(configDir: string, host: Host, request: RunRequest) {
  if (!request.dryRun && !request.scheduled) return openStateFolder(configDir, host.uid);
  return (await findStateFolder(configDir, host.uid)) ?? { paths: statePaths(configDir), warnings: [] };
}

/** What the request means on this host, from what is installed here. */
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

/** Runs a plan, or shows it. */
export async function carryOut(request: RunRequest, plan: RunPlan, host: Host, parts: RunParts = {}): Promise<number> {
  const { stopWithinSeconds: seconds } = request;
  const timing = parts.timing ?? (seconds === undefined ? undefined : stopWithin(seconds));
  if (!request.dryRun) return run(plan, host, parts.locks ?? pipelineLocks(), timing);
  const { renderDryRun } = await import("../run/dry-run.ts");
  host.stdout.write(await renderDryRun(plan, host));
  return EXIT.ok;
}

/**
 * The short door: one `run`, from its words to its code. A tick that is skipped loads nothing but what is imported here.
 *
 * @param argv the words behind `run`
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
