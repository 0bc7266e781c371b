import { dirname } from "node:path";
import type { WrapperCall } from "../command-line.ts";
import type { Host } from "../host.ts";
import { findHookPrograms } from "../install/hook-programs.ts";
import { findConflicts } from "../install/install.ts";
import { checkTaps, type ResolvedPrograms, resolveCommand } from "../install/pipelinewise.ts";
import { findMetricsFileFault } from "../metrics/metrics-file.ts";
import type { Diagnostic } from "../schedule/diagnostic.ts";
import { lintSharedMinutes } from "../schedule/lint-shared-minutes.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { configDirOf, type InstallJob, type Scheduler } from "../schedulers/scheduler.ts";
import { absolutePath } from "../storage/config-dir.ts";
import { statePaths } from "../storage/paths.ts";
import { lastingPathWarnings } from "../system/lasting-path.ts";
import { addressWarnings, environmentWarnings } from "./environment-warnings.ts";

/** The problems that the checks of an install found. `install` refuses each error, and `validate` shows it. */
interface InstallChecks {
  /** About the schedule, on every machine. */
  readonly ofSchedule: readonly Diagnostic[];
  /** About this machine: its programs, its paths, and the taps and targets of its PipelineWise. */
  readonly ofMachine: readonly Diagnostic[];
  /** `undefined` if an error says why no run could call PipelineWise. */
  readonly resolved: ResolvedPrograms | undefined;
}

/**
 * All checks of a schedule that is to be installed on this machine. Both `validate` and `install` make them here, so that
 * a schedule that is valid can be installed.
 *
 * @param job.call names the config directory
 * @param options.hasState the config directory exists
 * @param options.nameTaken whether another installed schedule with this name is an error, a warning, or taken over
 * @param options.compileOnly the commands are not given to the scheduler
 */
export async function checkInstall(
  scheduler: Scheduler,
  job: InstallJob,
  {
    hasState,
    nameTaken,
    compileOnly,
  }: {
    readonly hasState: boolean;
    readonly nameTaken: "error" | "warning" | "take-over";
    readonly compileOnly: boolean;
  },
  host: Host,
): Promise<InstallChecks> {
  const { schedule, call } = job;
  const conflicts = hasState
    ? await findConflicts(schedule, statePaths(configDirOf(job)), host)
    : { ofName: [], ofEntries: [] };
  const command = await resolveCommand(schedule, host);
  const { faults, hookPrograms } = await findHookPrograms(schedule, host);
  return {
    ofSchedule: [
      ...scheduler.check(job),
      ...lintSharedMinutes(schedule.pipelines, { machineZone: job.machineZone, now: job.at }),
      ...(await environmentWarnings(schedule, host, { flag: configDirOf(job) })),
      ...(await addressWarnings(schedule, host, { flag: configDirOf(job) })),
    ],
    ofMachine: [
      ...(nameTaken === "take-over" ? [] : conflicts.ofName.map((one) => ({ ...one, severity: nameTaken }))),
      ...conflicts.ofEntries,
      ...("fault" in command ? [command.fault] : []),
      ...faults,
      ...(await checkMetricsFile(schedule, host)),
      ...(hasState ? await checkTaps(configDirOf(job), schedule.pipelines) : []),
      ...checkProgram(call),
      ...(compileOnly ? [] : ((await scheduler.checkCommands?.(job, host)) ?? [])),
    ],
    resolved: "fault" in command ? undefined : { ...command.value, hookPrograms },
  };
}

/** Warnings about the file of `metrics`. These are not errors: the pipelines run without it. */
async function checkMetricsFile({ metrics, source }: Schedule, host: Host): Promise<readonly Diagnostic[]> {
  if (metrics === undefined) return [];
  const fault = await findMetricsFileFault(absolutePath(metrics.file, dirname(source.path), host));
  return fault === undefined ? [] : [{ severity: "warning", path: ["metrics", "file"], ...fault }];
}

/** Whether Node and this program will still be at these paths when a scheduler starts them. */
function checkProgram({ node, program, isOnPath }: WrapperCall): readonly Diagnostic[] {
  if (program.includes("/_npx/")) {
    return [
      {
        path: [],
        message: `${program} is in npx's temporary directory, which npm may remove at any time`,
        hint: "Install the program permanently, then run `install` again: npm install --global pipelinewise-sched",
      },
    ];
  }
  if (isOnPath === true) return [];
  const warnings = [
    ...lastingPathWarnings(node, "Node", "--node"),
    ...lastingPathWarnings(program, "pipelinewise-sched", "--program"),
  ];
  return warnings.map((warning) => ({ path: [], severity: "warning", ...warning }));
}
