import { basename } from "node:path";
import type { WrapperCall } from "../command/command.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";
import { renderEntries } from "./render.ts";
import { timingsIn, type ZoneFrame } from "./timings.ts";

/** A schedule as lines for another machine's crontab, with a header that says how to bring them there. */
export function renderExport(schedule: Schedule, call: Omit<WrapperCall, "schedule">, frame: ZoneFrame): string {
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
    ...(schedule.pipelines.some(({ timezone }) => timezone !== undefined) ? ["", ...zoneWords(frame)] : []),
  ];
  const timings = (pipeline: Pipeline) => timingsIn(frame, pipeline);
  const entries = renderEntries(schedule.pipelines, { ...call, schedule: schedule.name }, timings);
  return `${[...header.map((line) => `# ${line}`.trimEnd()), "", ...entries].join("\n")}\n`;
}

/** Lines that go by zones hold on one kind of machine, and for some time. */
const zoneWords = ({ machineZone, horizon }: ZoneFrame): readonly string[] => [
  `The lines are for a machine in the time zone ${machineZone}; for another one: export --machine-zone ZONE.`,
  `They hold until ${new Date(horizon.to).toISOString().slice(0, 10)}; export them anew before.`,
];
