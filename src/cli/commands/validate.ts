import type { Command } from "commander";
import { findZone } from "../../cron/zone-names.ts";
import { EXIT, errorCode, SchedError } from "../../errors.ts";
import { findTypicalRuns } from "../../history/typical-runs.ts";
import type { Host } from "../../host.ts";
import { installJob, scheduleState } from "../../install/install.ts";
import {
  countDiagnostics,
  type Diagnostic,
  type PlacedDiagnostic,
  renderDiagnostic,
  sortByPosition,
} from "../../schedule/diagnostic.ts";
import { lintCrons } from "../../schedule/lint.ts";
import { lintAlerts } from "../../schedule/lint-alerts.ts";
import { lintFreshness } from "../../schedule/lint-freshness.ts";
import { lintRetries } from "../../schedule/lint-retries.ts";
import { checkScheduleFile } from "../../schedule/load.ts";
import type { CheckedSchedule } from "../../schedule/parse.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { loadScheduler } from "../../schedulers/registry.ts";
import type { Scheduler } from "../../schedulers/scheduler.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { readMachineZone } from "../../system/time-zone.ts";
import { examples, type Finish } from "../command.ts";
import { checkInstall } from "../install-checks.ts";
import { installedWarnings } from "../installed-warnings.ts";
import { callPaths, onOption } from "../options.ts";

interface ValidateFlags {
  readonly strict?: boolean;
  readonly json?: boolean;
  readonly on: string;
}

export function addValidate(command: Command, host: Host, finish: Finish): void {
  command
    .argument("[file]", "path of the schedule file", "schedule.yml")
    .addOption(onOption())
    .option("--strict", "treat warnings as errors")
    .option("--json", 'print {"problems": [...]}')
    .addHelpText("after", examples("validate schedule.yml", "validate --strict --on airflow schedule.yml"))
    .action(async (file: string, { strict = false, json = false, on }: ValidateFlags) => {
      const scheduler = await loadScheduler(on);
      // Awaited later: it runs another program while the file is checked.
      const about = json ? undefined : scheduler.describeHere?.(host);
      const checked = await checkScheduleFile(file, host);
      const { diagnostics, notes } = await checkAll(checked, scheduler, host);
      if (json) host.stdout.write(`${JSON.stringify({ problems: diagnostics }, null, 2)}\n`);
      else {
        host.stdout.write(renderChecked(file, checked, diagnostics));
        if (about !== undefined) host.stderr.write(`${await about}\n`);
        const warnings =
          checked.schedule === undefined ? [] : await installedWarnings(checked.schedule, { inDiff: false }, host);
        for (const warning of [...notes, ...warnings]) host.stderr.write(`warning: ${warning}\n`);
      }
      const isBad = diagnostics.some(({ severity }) => strict || severity === "error");
      finish(isBad ? EXIT.badSchedule : EXIT.ok);
    });
}

interface Checks {
  /** Sorted by position. */
  readonly diagnostics: readonly PlacedDiagnostic[];
  /** Problems of this machine that would stop an install, if PipelineWise seems to run on another machine. */
  readonly notes: readonly string[];
}

/** Checks the cron expressions, and everything that `install` checks. */
async function checkAll(
  { schedule, diagnostics, place }: CheckedSchedule,
  scheduler: Scheduler,
  host: Host,
): Promise<Checks> {
  if (schedule === undefined) return { diagnostics, notes: [] };
  const machineZone = knownMachineZone(host);
  const lintOptions = { machineZone, now: host.now() };
  const state = await findState(schedule, host);
  const warnings = [
    ...(await lintCrons(schedule.pipelines, lintOptions)),
    ...lintAlerts(schedule),
    ...lintRetries(schedule.pipelines, lintOptions),
    ...lintFreshness(schedule.pipelines, lintOptions, await typicalRuns(schedule, state, host)),
  ];
  const call = { ...callPaths({}, host), schedule: schedule.name, configDir: state.configDir };
  const job = installJob(schedule, { scheduler, call, machineZone: machineZone ?? "UTC", at: host.now() });
  const hasState = state.fault === undefined;
  const checks = await checkInstall(scheduler, job, { hasState, nameTaken: "warning", compileOnly: false }, host);
  const ofMachine = hasState ? checks.ofMachine : [state.fault, ...checks.ofMachine];
  const found = [...warnings, ...checks.ofSchedule, ...(state.isElsewhere ? [] : ofMachine)];
  return {
    diagnostics: sortByPosition([...diagnostics, ...place(found)]),
    notes: state.isElsewhere ? ofMachine.map(renderNote) : [],
  };
}

/** Durations of typical runs, if the schedule needs them and has run in this config directory. */
async function typicalRuns(schedule: Schedule, { configDir, fault }: State, host: Host) {
  const isUsed = schedule.pipelines.some(({ policies }) => policies?.freshWithinMs !== undefined);
  if (!isUsed || fault !== undefined) return new Map<string, number>();
  const found = await findStateDirectory(configDir, host.uid);
  return found === undefined ? new Map<string, number>() : findTypicalRuns(found.paths);
}

interface State {
  readonly configDir: string;
  /** The reason if the directory does not exist. */
  readonly fault?: Diagnostic;
  /** Whether the pipelines seem to run on another machine: `validate` must be usable on a laptop and in CI. */
  readonly isElsewhere: boolean;
}

async function findState(schedule: Schedule, host: Host): Promise<State> {
  try {
    return { configDir: (await scheduleState(schedule, undefined, host)).configDir, isElsewhere: false };
  } catch (error) {
    if (!(error instanceof SchedError)) throw error;
    return {
      configDir: ".", // Its path is not known, so nothing is said about it.
      fault: { path: ["pipelinewise", "config_dir"], message: error.message, hint: error.hint },
      isElsewhere: errorCode(error.cause) === "ENOENT" || (host.env["HOME"] ?? "") === "",
    };
  }
}

const renderNote = ({ message, severity = "error" }: Diagnostic): string =>
  severity === "error" ? `\`install\` would refuse on this machine: ${message}` : message;

/** The machine's zone; `undefined` if it cannot be found or Node does not know it. `install` reports that. */
function knownMachineZone(host: Host): string | undefined {
  try {
    return findZone(readMachineZone(host.root).zone);
  } catch (error) {
    if (error instanceof SchedError) return undefined;
    throw error;
  }
}

/** All diagnostics, then one line with their number. */
function renderChecked(file: string, { schedule }: CheckedSchedule, diagnostics: readonly PlacedDiagnostic[]): string {
  const list = diagnostics.map(renderDiagnostic).join("");
  const count = countDiagnostics(diagnostics);
  if (schedule === undefined) return `${list}${file}: ${count}\n`;
  const { length } = schedule.pipelines;
  const sum = `${length} pipeline${length === 1 ? "" : "s"}, schedule "${schedule.name}"`;
  return `${list}${file}: ${count === "" ? "fine" : count}: ${sum}\n`;
}
