import { EXIT } from "../errors.ts";
import type { Host } from "../host.ts";
import { readStored } from "../installed/store.ts";
import { stopWithin } from "../lock/timing.ts";
import { DEFAULT_SCHEDULE_NAME } from "../pipeline-id.ts";
import { planScheduled, type RunPlan, type RunRequest } from "../run/plan.ts";
import { type RunParts, run } from "../run/run.ts";
import { resolveConfigDir } from "../storage/config-dir.ts";
import { findStateDirectory } from "../storage/directory.ts";
import { statePaths } from "../storage/paths.ts";
import { formatError } from "./format-error.ts";
import { parseRunArguments } from "./run-arguments.ts";

/** The plan of a request, from the schedules that are installed on this host. */
async function planInstalled(request: RunRequest, host: Host): Promise<RunPlan> {
  const configDir = await resolveConfigDir(host, { flag: request.configDir });
  if (!request.scheduled) {
    const { planInstalledByHand } = await import("./run-by-hand.ts");
    return planInstalledByHand(request, configDir, host);
  }
  const paths = (await findStateDirectory(configDir, host.uid))?.paths ?? statePaths(configDir);
  const installed = await readStored(paths, request.schedule ?? DEFAULT_SCHEDULE_NAME, host);
  return planScheduled(request, installed, { paths, host });
}

/** Runs a plan, or prints it with `--dry-run`. */
export async function runPlan(request: RunRequest, plan: RunPlan, host: Host, parts: RunParts = {}): Promise<number> {
  const { killAfterSeconds: seconds } = request;
  const timing = parts.timing ?? (seconds === undefined ? undefined : stopWithin(seconds));
  if (!request.dryRun) return run(plan, host, { locks: parts.locks, timing });
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
    return await runPlan(request, await planInstalled(request, host), host, parts);
  } catch (error) {
    const { text, exitCode } = formatError(error);
    host.stderr.write(text);
    return exitCode;
  }
}
