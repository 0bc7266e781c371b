import type { Command } from "commander";
import { findZone } from "../../cron/zone-names.ts";
import { EXIT, SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { lintCrons } from "../../schedule/lint.ts";
import { checkScheduleFile } from "../../schedule/load.ts";
import type { CheckedSchedule } from "../../schedule/parse.ts";
import { countProblems, type Problem, renderProblem } from "../../schedule/problem.ts";
import { crontabProgram } from "../../schedulers/cron/crontab-program.ts";
import { describeCronHere, findCronHere } from "../../schedulers/cron/daemon.ts";
import { readMachineZone } from "../../system/time-zone.ts";
import type { Finish } from "../command.ts";
import { installedZoneNotices } from "../machine.ts";
import { CRON, loadExporter, onOption } from "../options.ts";
import { exportJob } from "../prepare-install.ts";

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
    .action(async (file: string, { strict = false, json = false, on }: ValidateFlags) => {
      // Runs at the same time: it starts another process.
      const cron = json || on !== CRON ? undefined : findCronHere(host.root, crontabProgram(host));
      const checked = await checkScheduleFile(file, host);
      const problems = await withDoubts(checked, on, host);
      if (json) host.stdout.write(`${JSON.stringify({ problems }, null, 2)}\n`);
      else {
        host.stdout.write(renderChecked(file, checked, problems));
        if (cron !== undefined) host.stderr.write(`cron on this machine: ${describeCronHere(await cron)}\n`);
        const notices = checked.schedule === undefined ? [] : await installedZoneNotices(checked.schedule, host);
        for (const notice of notices) host.stderr.write(`warning: ${notice}\n`);
      }
      const bad = problems.some(({ severity }) => strict || severity === "error");
      finish(bad ? EXIT.badSchedule : EXIT.ok);
    });
}

/** The problems of the file and the warnings about its cron expressions, sorted by place. */
async function withDoubts(
  { schedule, problems, warn }: CheckedSchedule,
  on: string,
  host: Host,
): Promise<readonly Problem[]> {
  if (schedule === undefined) return problems;
  const machineZone = knownMachineZone(host);
  const doubts = await lintCrons(schedule.pipelines, { machineZone, now: host.now() });
  const exporter = on === CRON ? undefined : await loadExporter(on);
  const configDir = schedule.pipelinewise.configDir ?? "~/.pipelinewise";
  const call = { node: host.node, program: host.program, schedule: schedule.name, configDir };
  const more = exporter?.check(exportJob(schedule, call, machineZone ?? "UTC", host)) ?? [];
  return [...problems, ...warn([...doubts, ...more])].sort(
    (one, other) => one.line - other.line || one.column - other.column,
  );
}

/** The machine's zone; `undefined` if it cannot be found or Node does not know it. `install` reports that. */
function knownMachineZone(host: Host): string | undefined {
  try {
    return findZone(readMachineZone(host.root).zone);
  } catch (error) {
    if (error instanceof SchedError) return undefined;
    throw error;
  }
}

/** All problems, then one line with the total. */
function renderChecked(file: string, { schedule }: CheckedSchedule, problems: readonly Problem[]): string {
  const list = problems.map(renderProblem).join("");
  const count = countProblems(problems);
  if (schedule === undefined) return `${list}${file}: ${count}\n`;
  const { length } = schedule.pipelines;
  const sum = `${length} pipeline${length === 1 ? "" : "s"}, schedule "${schedule.name}"`;
  return `${list}${file}: ${count === "" ? "fine" : count}: ${sum}\n`;
}
