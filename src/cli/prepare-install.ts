import type { WrapperCall } from "../command-line.ts";
import type { Host } from "../host.ts";
import {
  type InstallOptions,
  installJob,
  type PlannedInstall,
  planInstall,
  scheduleState,
} from "../install/install.ts";
import { assertNoErrors, renderDiagnostic } from "../schedule/diagnostic.ts";
import type { ValidSchedule } from "../schedule/load.ts";
import type { Scheduler } from "../schedulers/scheduler.ts";
import { readMachineZone } from "../system/time-zone.ts";
import { renderSchedulerPlan, renderStoredPlan } from "./format-changes.ts";
import { checkInstall } from "./install-checks.ts";

/** A planned install, and its changes for people. */
export interface PreparedChanges extends PlannedInstall {
  readonly text: string;
}

interface Options extends InstallOptions {
  /** `--config-dir` */
  readonly configDir: string | undefined;
  /** `--node` and `--program`: paths in the scheduler's commands. */
  readonly call: Pick<WrapperCall, "node" | "program" | "isOnPath">;
}

/**
 * Checks and plans an install, and prints its warnings on stderr.
 *
 * @throws BadScheduleError if the schedule cannot be installed on this machine
 */
export async function prepareChanges(
  scheduler: Scheduler,
  valid: ValidSchedule,
  options: Options,
  host: Host,
): Promise<PreparedChanges> {
  const { schedule, file, place } = valid;
  const paths = await scheduleState(schedule, options.configDir, host);
  const call = { ...options.call, schedule: schedule.name, configDir: paths.configDir };
  const machineZone = readMachineZone(host.root).zone;
  const job = installJob(schedule, { scheduler, call, machineZone, at: host.now() });
  const { compileOnly, replace } = options;
  const { ofSchedule, ofMachine, resolved } = await checkInstall(
    scheduler,
    job,
    { hasState: true, nameTaken: replace ? "take-over" : "error", compileOnly },
    host,
  );
  const diagnostics = place([...ofSchedule, ...ofMachine]);
  assertNoErrors(file, diagnostics, "cannot be installed");
  if (resolved === undefined) throw new Error("a schedule without PipelineWise was not refused");
  const planned = await planInstall(scheduler, { job, paths, resolved }, options, host);
  const { prepared, stored, warnings } = planned;
  for (const diagnostic of diagnostics) host.stderr.write(renderDiagnostic(diagnostic));
  if (prepared?.about !== undefined) host.stderr.write(`${prepared.about}\n`);
  for (const warning of warnings) host.stderr.write(`warning: ${warning}\n`);
  const changes = prepared === undefined ? "" : renderSchedulerPlan(prepared.plan, scheduler.title);
  return { ...planned, text: changes + renderStoredPlan(stored) };
}
