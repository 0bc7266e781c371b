import { renderWords, type WrapperCall, wrapperCommand } from "../../command-line.ts";
import { describeCron } from "../../cron/describe.ts";
import type { Horizon } from "../../cron/zone-table.ts";
import { digestOf } from "../../installed/compile.ts";
import { type EntryId, entryKey, entryLabel } from "../../pipeline-id.ts";
import type { Pipeline } from "../../schedule/schedule.ts";
import type { Mark } from "../owner-mark.ts";
import type { ExportCall } from "../scheduler.ts";
import { type CronicleTiming, type EventStarts, eventStarts } from "./starts.ts";

const HASH_LENGTH = 12;

/** What all event ids of a schedule begin with: Cronicle allows only letters, digits and `_`. */
export const idPrefix = (schedule: string): string => `pw_${schedule.replaceAll("-", "_")}_`;

/**
 * The id of a pipeline's event: the same at each export, whatever its times. The 2nd event and the following have their
 * number behind it.
 */
function eventId(schedule: string, entry: EntryId, number: number): string {
  const hash = digestOf([schedule, entry.target, entry.tap, entryKey(entry)].join("\0")).slice(0, HASH_LENGTH);
  return `${idPrefix(schedule)}${hash}${number === 1 ? "" : `_${number}`}`;
}

const FIRST_LINE = "managed-by: pipelinewise-sched";

/** The first lines of an event's notes. */
export const renderMark = ({ schedule, configDir, source }: Mark): string =>
  [FIRST_LINE, `schedule: ${schedule}`, `config-dir: ${configDir}`, `source: ${source}`].join("\n");

/** Whose an event is by its notes; `undefined` for one that is none of ours. */
export function readMark(notes: string): Mark | undefined {
  const [first, ...lines] = notes.trim().split(/\r?\n/);
  if (first?.trim() !== FIRST_LINE) return undefined;
  const value = (name: string): string | undefined =>
    lines
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2)
      .trim();
  const [schedule, configDir, source] = [value("schedule"), value("config-dir"), value("source")];
  return schedule === undefined || configDir === undefined || source === undefined
    ? undefined
    : { schedule, configDir, source };
}

/**
 * All that we say of an event. What Cronicle knows besides is its users' own, and stays: whom it mails, web hooks, what
 * it chains.
 */
export interface CronicleEvent {
  readonly id: string;
  readonly title: string;
  readonly enabled: 1;
  readonly category: string;
  readonly target: string;
  readonly plugin: "shellplug";
  readonly params: { readonly script: string; readonly annotate: 0; readonly json: 0 };
  readonly timing: CronicleTiming;
  readonly timezone: string;
  readonly notes: string;
  readonly algo: string;
  readonly multiplex: number;
  readonly stagger: number;
  readonly max_children: number;
  readonly queue: number;
  readonly queue_max: number;
  readonly timeout: number;
  readonly retries: number;
  readonly retry_delay: number;
  readonly catch_up: number;
  readonly detached: number;
  readonly memory_limit: number;
  readonly memory_sustain: number;
  readonly cpu_limit: number;
  readonly cpu_sustain: number;
  readonly log_max_size: number;
}

/** The same for every event. What keeps two runs apart, and ends one that takes too long, is the wrapper. */
const CONSTANT = {
  enabled: 1,
  plugin: "shellplug",
  // Of a group always the same server, as long as it is up: PipelineWise keeps its state on it.
  algo: "prefer_first",
  multiplex: 0,
  stagger: 0,
  // Above 1: a start that finds the pipeline at work is to be seen and recorded as skipped. Cronicle only stops a flood.
  max_children: 10,
  queue: 0,
  queue_max: 0,
  timeout: 0,
  retries: 0,
  retry_delay: 0,
  catch_up: 0,
  detached: 0,
  // 0 would be the server's own limit, 1 GiB as it is delivered, and a larger pipeline would be killed at once: 1 TiB.
  memory_limit: 2 ** 40,
  memory_sustain: 0,
  cpu_limit: 0,
  cpu_sustain: 0,
  log_max_size: 0,
} as const;

/** What the events of a schedule have in common. */
export interface EventFrame {
  readonly mark: Mark;
  readonly call: ExportCall;
  /** Id of the category. */
  readonly category: string;
  readonly target: string;
  /** Of the machine that runs the pipelines: a pipeline without a zone of its own goes by it. */
  readonly machineZone: string;
  readonly horizon: Horizon;
}

/** The events of one pipeline, in an order that stays. */
export function pipelineEvents(pipeline: Pipeline, frame: EventFrame): readonly CronicleEvent[] {
  const zone = pipeline.timezone ?? frame.machineZone;
  const starts = eventStarts({ crons: pipeline.crons, zone }, frame.horizon);
  const script = renderScript(frame.call, pipeline);
  return starts.map((one, index) => ({
    id: eventId(frame.mark.schedule, pipeline, index + 1),
    title: plainText(`${frame.mark.schedule}: ${entryLabel(pipeline)}${titleEnd(one, index, starts)}`),
    category: frame.category,
    target: frame.target,
    params: { script, annotate: 0, json: 0 },
    timing: one.timing,
    timezone: one.timezone,
    notes: plainText([renderMark(frame.mark), "", ...aboutTimes(pipeline, zone, one)].join("\n").trim()),
    ...CONSTANT,
  }));
}

function titleEnd({ kind }: EventStarts, index: number, all: readonly EventStarts[]): string {
  if (kind === "landing") return ", after a clock change";
  const alike = all.filter((one) => one.kind === kind).length;
  return alike === 1 ? "" : `, ${index + 1} of ${alike}`;
}

function aboutTimes({ crons, note }: Pipeline, zone: string, { kind, timezone }: EventStarts): readonly string[] {
  const times = crons.map((cron) => `${cron.text} ${zone}: ${describeCron(cron)}`);
  const own = note === undefined ? times : [note.trim(), ...times];
  switch (kind) {
    case "landing":
      return [
        ...own,
        "This event runs the times that are skipped when clocks go forward; on other days the run is not due.",
      ];
    case "candidates":
      return [
        ...own,
        `Cronicle's data for this time zone are wrong or missing: the event starts more often, in ${timezone}, and runs that are not due are skipped.`,
      ];
    case "times":
      return timezone === zone
        ? own
        : [...own, `Cronicle does not have this time zone; ${timezone} has the same times.`];
  }
}

/** An aborted job is killed 9 s after it was told to end: our own process, and nothing else of the pipeline. */
const STOP_WITHIN = ["--stop-within", "8"];

/**
 * What Cronicle executes: the wrapper itself in place of the shell, as its signals go to one process only.
 *
 * A start that somebody asked for, in its pages or by its API, has a source, and stands for no due time: if the pipeline
 * runs already it fails, as whoever pressed the button is waiting for a run, and Cronicle itself refuses such a start, too.
 */
export function renderScript(call: WrapperCall, pipeline: Pipeline): string {
  const scheduled = [...wrapperCommand(call, pipeline), ...STOP_WITHIN];
  const byHand = scheduled.filter((word) => word !== "--scheduled");
  return [
    "#!/bin/sh",
    "# Generated by pipelinewise-sched. Change the schedule file instead and install it again.",
    'if [ -n "$JOB_SOURCE" ]; then',
    `  exec ${renderWords(byHand)}`,
    "fi",
    `exec ${renderWords(scheduled)} --output --slot "@$JOB_NOW"`,
    "",
  ].join("\n");
}

/** Cronicle takes no angle brackets in titles and notes. */
const plainText = (text: string): string => text.replaceAll("<", "‹").replaceAll(">", "›");
