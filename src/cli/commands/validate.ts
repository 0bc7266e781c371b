import type { Command } from "commander";
import { EXIT } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { checkScheduleFile } from "../../schedule/load.ts";
import type { CheckedSchedule } from "../../schedule/parse.ts";
import { countProblems, renderProblem } from "../../schedule/problem.ts";
import type { Finish } from "../add-command.ts";

export function addValidate(command: Command, host: Host, finish: Finish): void {
  command
    .argument("[file]", "path of the schedule file", "schedule.yml")
    .option("--strict", "take warnings for errors")
    .option("--json", 'print {"problems": [...]}')
    .action(async (file: string, { strict = false, json = false }: { strict?: boolean; json?: boolean }) => {
      const checked = await checkScheduleFile(file, host);
      host.stdout.write(
        json ? `${JSON.stringify({ problems: checked.problems }, null, 2)}\n` : renderChecked(file, checked),
      );
      const bad = checked.schedule === undefined || (strict && checked.problems.length > 0);
      finish(bad ? EXIT.badSchedule : EXIT.ok);
    });
}

/** Every problem, then one line of sum. */
function renderChecked(file: string, { schedule, problems }: CheckedSchedule): string {
  const list = problems.map(renderProblem).join("");
  const count = countProblems(problems);
  if (schedule === undefined) return `${list}${file}: ${count}\n`;
  const { length } = schedule.pipelines;
  const sum = `${length} pipeline${length === 1 ? "" : "s"}, schedule "${schedule.name}"`;
  return `${list}${file}: ${count === "" ? "fine" : count}: ${sum}\n`;
}
