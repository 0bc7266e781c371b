import { basename } from "node:path";
import type { WrapperCall } from "../command/command.ts";
import { EXIT, SchedError } from "../errors.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { renderEntries } from "./render.ts";
import { sameZone } from "./zone.ts";

/** The one zone that a machine must be in for these lines; `undefined` when the schedule names none. */
function demandOneZone({ pipelines, source }: Schedule): string | undefined {
  const zones = pipelines.map(({ timezone }) => timezone);
  const [first] = zones;
  if (zones.every((zone) => zone === first || (zone !== undefined && first !== undefined && sameZone(zone, first)))) {
    return first;
  }
  const names = [...new Set(zones.map((zone) => zone ?? "the machine's own"))].join(", ");
  throw new SchedError(`${source.path} times its pipelines in several zones: ${names}`, {
    exitCode: EXIT.badSchedule,
    hint: "A crontab goes by one zone, the machine's: write all times in it.",
  });
}

/** A schedule as lines for another machine's crontab, with a header that says how to bring them there. */
export function renderExport(schedule: Schedule, call: Omit<WrapperCall, "schedule">): string {
  const zone = demandOneZone(schedule);
  const file = basename(schedule.source.path);
  const where = call.configDir === undefined ? "" : ` --config-dir ${call.configDir}`;
  const header = [
    `The schedule ${schedule.name} (${file}) as lines for another machine's crontab.`,
    "",
    "1. Put the file on that machine, and store what it means, which is what the runs go by:",
    `       pipelinewise-sched install --compile-only${where} ${file}`,
    "2. Add these lines to the crontab of the user who runs PipelineWise: crontab -e",
    "",
    "On a machine that can be logged in to, one command does both: pipelinewise-sched install",
    ...(zone === undefined ? [] : ["", `The times are those of a machine in the zone ${zone}.`]),
  ];
  const entries = renderEntries(schedule.pipelines, { ...call, schedule: schedule.name });
  return `${[...header.map((line) => `# ${line}`.trimEnd()), "", ...entries].join("\n")}\n`;
}
