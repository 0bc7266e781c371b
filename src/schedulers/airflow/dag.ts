import { renderWords, type WrapperCall, wrapperCommand } from "../../command-line.ts";
import { describeCron } from "../../cron/describe.ts";
import type { Horizon } from "../../cron/zone-table.ts";
import { DEFAULT_COMMAND, type EntryId, entryLabel } from "../../pipeline-id.ts";
import type { Pipeline } from "../../schedule/schedule.ts";
import { type AirflowStarts, airflowStarts } from "./timetable.ts";

/** Airflow takes no longer ids. */
const MOST_ID_CHARACTERS = 250;
/** Where Airflow has no timetable of several crons, each has a DAG of its own, with its number behind: below 1000. */
const LONGEST_NUMBER = 5;

/**
 * The id of a pipeline's DAG, the same at each export, whatever its times: `warehouse.redshift.orders`, with the command
 * behind where it is not `run_tap`. Airflow knows all its DAGs by such ids, so that it begins with the schedule's name.
 *
 * Two pipelines never share one: a dot in a tap or target is doubled, and neither begins with one.
 */
export function dagId(schedule: string, { target, tap, command, id }: EntryId): string {
  const entry = id !== undefined ? [command, id] : command === DEFAULT_COMMAND ? [] : [command];
  return [schedule, target, tap, ...entry].map((word) => word.replaceAll(".", "..")).join(".");
}

/** The id of the DAG for one of several crons, counted from 1. */
export const numberedId = (id: string, number: string): string => `${id}__${number}`;

/** Why Airflow cannot take an id; `undefined` when it can. */
export function dagIdFault(id: string): string | undefined {
  const most = MOST_ID_CHARACTERS - LONGEST_NUMBER;
  return id.length <= most
    ? undefined
    : `its DAG id would have ${id.length} characters, but Airflow accepts at most ${most}`;
}

/** A pipeline's DAG as the file's list has it: text and lists of text only, which read alike in JSON and in Python. */
export interface PipelineDag {
  readonly dag_id: string;
  readonly description: string;
  readonly crons: readonly string[];
  readonly timezone: string;
  /** ISO 8601: nothing before it is made up for. */
  readonly start_date: string;
  readonly tags: readonly string[];
  /** For `sh`; the words of a scheduled run come behind. */
  readonly command: string;
  readonly doc_md: string;
}

/** What the DAGs of a schedule have in common. */
export interface DagFrame {
  readonly call: WrapperCall;
  /** Of the machine that runs the pipelines: a pipeline without a zone of its own goes by it. */
  readonly machineZone: string;
  readonly horizon: Horizon;
  /** Since when a DAG has been there. */
  readonly startOf: (dagId: string) => string;
}

/** What ends a skipped run, and is shown as *skipped* by Airflow. */
export const SKIP_EXIT_CODE = 99;
/** Airflow kills what is left of a task 10 s after it has told it to end; by then nothing of a pipeline is to be left. */
const STOP_WITHIN_SECONDS = 8;
/** Of a tag. */
const MOST_TAG_CHARACTERS = 100;

export function pipelineDag(pipeline: Pipeline, { call, machineZone, horizon, startOf }: DagFrame): PipelineDag {
  const zone = pipeline.timezone ?? machineZone;
  const starts = airflowStarts({ crons: pipeline.crons, zone }, horizon);
  const id = dagId(call.schedule, pipeline);
  const words = pipeline.crons.map(describeCron).join("; ");
  return {
    dag_id: id,
    description: pipeline.note ?? `${entryLabel(pipeline)}: ${words}, ${zone}`,
    crons: starts.crons,
    timezone: starts.timezone,
    start_date: startOf(id),
    tags: [...new Set(["pipelinewise-sched", call.schedule, pipeline.target])].filter(
      (tag) => tag.length <= MOST_TAG_CHARACTERS,
    ),
    command: renderCommand(call, pipeline),
    doc_md: renderDoc(pipeline, zone, starts),
  };
}

/** `exec`: Airflow's signals go to our own process. What Airflow would take for a template is parted by empty quotes. */
function renderCommand(call: WrapperCall, pipeline: Pipeline): string {
  const words = wrapperCommand(call, pipeline).filter((word) => word !== "--scheduled");
  const manners = ["--stop-within", STOP_WITHIN_SECONDS, "--skip-exit-code", SKIP_EXIT_CODE].map(String);
  const command = renderWords([...words, ...manners]);
  return `exec ${command.replace(/\{(?=[{%#])/g, "{''")}`;
}

function renderDoc({ crons, note, ...entry }: Pipeline, zone: string, { kind, timezone }: AirflowStarts): string {
  const who = `--tap ${entry.tap} --target ${entry.target}`;
  return [
    ...(note === undefined ? [] : [note.trim(), ""]),
    `**${entryLabel(entry)}**, in the time zone ${zone}:`,
    "",
    ...crons.map((cron) => `- \`${cron.text}\` ${describeCron(cron)}`),
    "",
    ...SURPLUS[kind].map((line) => line.replace("ZONE", timezone)),
    "A run is *skipped* if the pipeline is already running or if another scheduler has handled the same slot; its log shows the reason.",
    "*Trigger* runs the pipeline now. *Clear* runs the slot of that run again.",
    "",
    `For details: \`pipelinewise-sched history ${who}\`.`,
    "",
  ].join("\n");
}

/** What is said of the starts beside the due ones. */
const SURPLUS: Readonly<Record<AirflowStarts["kind"], readonly string[]>> = {
  exact: [],
  surplus: [
    "Airflow interprets these times differently from cron, so this DAG is triggered more often; runs that are not due are *skipped* immediately.",
    "",
  ],
  candidates: [
    "Airflow handles daylight-saving changes differently from cron, so this DAG is triggered more often, in ZONE; runs that are not due are *skipped* immediately.",
    "",
  ],
};
