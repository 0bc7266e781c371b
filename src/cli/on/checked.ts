import type { ExportCall, Exporter, ExportJob } from "../../exporters/exporter.ts";
import { exportHorizon } from "../../exporters/horizon.ts";
import type { Host } from "../../host.ts";
import { checkScheduleFile } from "../../schedule/load.ts";
import type { CheckedSchedule } from "../../schedule/parse.ts";
import { BadScheduleError, renderProblem } from "../../schedule/problem.ts";
import type { Schedule } from "../../schedule/schedule.ts";

/** A schedule file without an error, and what turns doubts about it into problems with places. */
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

/** The job of bringing a schedule to another scheduler. */
export const exportJob = (schedule: Schedule, call: ExportCall, machineZone: string, host: Host): ExportJob => ({
  schedule,
  call,
  machineZone,
  horizon: exportHorizon(host.now()),
  at: host.now(),
});

/** Throws where the scheduler cannot take the schedule; what else it cannot keep is told as warnings. */
export function demandExportable(exporter: Exporter, job: ExportJob, { file, warn }: SoundFile, host: Host): void {
  const problems = warn(exporter.check(job));
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new BadScheduleError(file, problems);
  for (const problem of problems) host.stderr.write(renderProblem(problem));
}
