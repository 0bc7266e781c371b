import { type Host, userName } from "../host.ts";
import { prepareInstall, scheduleState } from "../install/install.ts";
import { changesSomething, type InstallPlan } from "../install/plan.ts";
import { checkScheduleFile } from "../schedule/load.ts";
import type { CheckedSchedule } from "../schedule/parse.ts";
import { BadScheduleError, renderProblem } from "../schedule/problem.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { exportHorizon } from "../schedulers/registry.ts";
import {
  type ExportCall,
  type Exporter,
  type ExportJob,
  type PreparedPlan,
  planChangesSomething,
} from "../schedulers/scheduler.ts";
import type { StatePaths } from "../storage/paths.ts";
import { renderPlan, renderSchedulerPlan } from "./format-changes.ts";
import { readMachine } from "./machine.ts";
import { loadExporter } from "./options.ts";

/** A schedule file without errors. */
export interface SoundFile extends CheckedSchedule {
  readonly file: string;
  readonly schedule: Schedule;
}

/** @throws BadScheduleError and all that `checkScheduleFile` throws */
export async function loadSound(file: string, host: Host): Promise<SoundFile> {
  const checked = await checkScheduleFile(file, host);
  if (checked.schedule === undefined) throw new BadScheduleError(file, checked.problems);
  return { ...checked, file, schedule: checked.schedule };
}

/** The input for writing a schedule to another scheduler. */
export const exportJob = (schedule: Schedule, call: ExportCall, machineZone: string, host: Host): ExportJob => ({
  schedule,
  call,
  machineZone,
  horizon: exportHorizon(host.now()),
  at: host.now(),
});

/** Throws if the scheduler cannot run the schedule, and prints warnings about smaller differences. */
export function demandExportable(exporter: Exporter, job: ExportJob, { file, warn }: SoundFile, host: Host): void {
  const problems = warn(exporter.check(job));
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new BadScheduleError(file, problems);
  for (const problem of problems) host.stderr.write(renderProblem(problem));
}

/** The options of an install on another scheduler. */
export interface OnWish {
  /** The value of `--on`. */
  readonly on: string;
  /** `--config-dir` */
  readonly configDir: string | undefined;
  readonly replace: boolean;
}

/** A prepared install on another scheduler. Nothing has been written yet. */
export interface PreparedOn {
  readonly exporter: Exporter;
  readonly sound: SoundFile;
  readonly paths: StatePaths;
  /** Changes of the stored schedule. */
  readonly stored: InstallPlan;
  readonly prepared: PreparedPlan;
  readonly changesSomething: boolean;
  /** All changes, for people. */
  readonly text: string;
}

/** Prepares an install on another scheduler and prints its warnings. */
export async function prepareOn(file: string, { on, configDir, replace }: OnWish, host: Host): Promise<PreparedOn> {
  const exporter = await loadExporter(on);
  const sound = await loadSound(file, host);
  const { schedule } = sound;
  const machine = readMachine(host);
  const paths = await scheduleState(schedule, configDir, host);
  const call = { node: host.node, program: host.program, schedule: schedule.name, configDir: paths.configDir };
  const job = exportJob(schedule, call, machine.zone, host);
  demandExportable(exporter, job, sound, host);
  const prepared = await exporter.prepareInstall(job, host, { replace });
  const elsewhere = { name: on, place: prepared.place, loose: prepared.loose ?? [] };
  const options = { configDir, replace, compileOnly: false, elsewhere };
  const { plan: stored, warnings } = await prepareInstall(schedule, options, machine);
  for (const warning of [...warnings, ...prepared.plan.warnings]) host.stderr.write(`warning: ${warning}\n`);
  return {
    exporter,
    sound,
    paths,
    stored,
    prepared,
    changesSomething: changesSomething(stored) || planChangesSomething(prepared.plan),
    text: renderSchedulerPlan(prepared.plan, exporter.title) + renderPlan(stored, userName(host)),
  };
}
