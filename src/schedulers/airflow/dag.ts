import { quoteWord, TEND_TIMES, tendCommand, type WrapperCall, wrapperCommand } from "../../command-line.ts";
import { describeCron } from "../../cron/describe.ts";
import type { Horizon } from "../../cron/zone-table.ts";
import { DEFAULT_COMMAND, type EntryId, entryLabel, type PipelineId } from "../../pipeline-id.ts";
import type { Pipeline } from "../../schedule/schedule.ts";
import { type AirflowStarts, airflowStarts } from "./timetable.ts";

/** Airflow rejects longer ids. */
const MOST_ID_CHARACTERS = 250;
/** In Airflow 2, each cron expression of a pipeline gets its own DAG with a number from 1 to 999 after the id. */
const LONGEST_NUMBER = 5;

/**
 * The id of a pipeline's DAG, such as `warehouse.redshift.orders`, followed by the command if that is not `run_tap`. It is
 * the same at each export, whatever the pipeline's times. It begins with the schedule's name, because ids are global in
 * Airflow.
 *
 * Two pipelines never have the same id: a dot in a tap or target is doubled, and neither begins with a dot.
 */
export function dagId(schedule: string, { target, tap, command, id }: EntryId): string {
  const entry = id !== undefined ? [command, id] : command === DEFAULT_COMMAND ? [] : [command];
  return [schedule, target, tap, ...entry].map((word) => word.replaceAll(".", "..")).join(".");
}

/**
 * Separates the number. Commands and ids of entries never begin with `_`, so no other pipeline has the resulting id.
 */
export const NUMBER_SEPARATOR = "._";

/** The id of the DAG for one of several cron expressions, counted from 1. */
export const numberedId = (id: string, number: string): string => `${id}${NUMBER_SEPARATOR}${number}`;

/** The reason why Airflow rejects an id; `undefined` if it accepts the id. */
export function dagIdFault(id: string): string | undefined {
  const most = MOST_ID_CHARACTERS - LONGEST_NUMBER;
  return id.length <= most
    ? undefined
    : `its DAG id would have ${id.length} characters, but Airflow accepts at most ${most}`;
}

/** A pipeline's DAG in the file's list. */
export interface PipelineDag {
  readonly dag_id: string;
  readonly description: string;
  readonly crons: readonly string[];
  readonly timezone: string;
  /** ISO 8601. Airflow does not catch up on earlier times. */
  readonly start_date: string;
  readonly tags: readonly string[];
  readonly paused_upon_creation: boolean;
  readonly default_args: Readonly<Record<string, string | number | boolean>>;
  /** URIs of assets. */
  readonly outlets: readonly string[];
  /** Words of a command for `sh`, quoted. The DAG file joins them and appends the options of a scheduled run. */
  readonly command: readonly string[];
  /** Lines of Markdown. */
  readonly doc_md: readonly string[];
}

/** Values that all DAGs of a schedule share. */
export interface DagFrame {
  readonly call: WrapperCall;
  /** Time zone of the machine that runs the pipelines, for pipelines without a time zone. */
  readonly machineZone: string;
  readonly horizon: Horizon;
  /** Start date of each DAG that already exists. */
  readonly startOf: (dagId: string) => string;
}

/** Exit code of a skipped run. Airflow shows it as *skipped*. */
export const SKIP_EXIT_CODE = 99;
/** Seconds for a stop. Airflow kills a task 10 s after it asked it to end; the pipeline must have ended by then. */
const KILL_AFTER_SECONDS = 8;
/** Longest tag that Airflow accepts. */
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
    tags: [
      ...new Set(["pipelinewise-sched", call.schedule, pipeline.target, ...(pipeline.airflow?.tags ?? [])]),
    ].filter((tag) => tag.length <= MOST_TAG_CHARACTERS),
    paused_upon_creation: pipeline.airflow?.isPausedUponCreation ?? false,
    default_args: { retries: 0, ...pipeline.airflow?.defaultArgs },
    outlets: hasOutlet(pipeline) ? [assetUri(pipeline)] : [],
    command: renderCommand(call, pipeline),
    doc_md: renderDoc(pipeline, zone, starts),
  };
}

/** The id of the DAG that tends a schedule. It has two parts, and the id of a pipeline's DAG has three or more. */
export const tendDagId = (schedule: string): string => `${schedule}.tend`;

/** The DAG that tends a schedule. */
export const tendDag = ({ call, startOf }: Pick<DagFrame, "call" | "startOf">): PipelineDag => ({
  dag_id: tendDagId(call.schedule),
  description: `Tends the schedule ${call.schedule}: ${TEND_TIMES}, UTC`,
  crons: [TEND_TIMES],
  timezone: "UTC",
  start_date: startOf(tendDagId(call.schedule)),
  tags: ["pipelinewise-sched", call.schedule].filter((tag) => tag.length <= MOST_TAG_CHARACTERS),
  paused_upon_creation: false,
  default_args: { retries: 0 },
  outlets: [],
  command: tendCommand(call).map(quoteForTemplate),
  doc_md: ["Does what must be done although no pipeline runs, once in the cluster for each", "five minutes.", ""],
});

/** The asset that a pipeline's runs update, the same in every schedule. */
const assetUri = ({ target, tap }: PipelineId): string => `pipelinewise://${target}/${tap}`;

/** Whether the pipeline's runs update its asset. Data-diff checks do not, because they load nothing. */
const hasOutlet = ({ airflow, command }: Pipeline): boolean =>
  airflow?.hasOutlet === true && command !== "run_data_diff_checks";

/** Empty quotes split text that Airflow would take for a template. */
const quoteForTemplate = (word: string): string => quoteWord(word).replace(/\{(?=[{%#])/g, "{''");

function renderCommand(call: WrapperCall, pipeline: Pipeline): readonly string[] {
  const words = wrapperCommand(call, pipeline).filter((word) => word !== "--scheduled");
  const manners = ["--kill-after", KILL_AFTER_SECONDS, "--skip-exit-code", SKIP_EXIT_CODE].map(String);
  return [...words, ...manners].map(quoteForTemplate);
}

function renderDoc(
  { crons, note, ...entry }: Pipeline,
  zone: string,
  { kind, timezone }: AirflowStarts,
): readonly string[] {
  const who = `--tap ${entry.tap} --target ${entry.target}`;
  return [
    ...(note === undefined ? [] : [note.trim(), ""]),
    `**${entryLabel(entry)}**, in the time zone ${zone}:`,
    "",
    ...crons.map((cron) => `- \`${cron.text}\` ${describeCron(cron)}`),
    "",
    ...SURPLUS[kind].map((line) => line.replace("ZONE", timezone)),
    "A run is *skipped* if the pipeline is already running or if another",
    "scheduler has handled the same slot; its log shows the reason.",
    "*Trigger* runs the pipeline now. *Clear* runs the slot of that run again.",
    "",
    "For details:",
    `\`pipelinewise-sched history ${who}\`.`,
    "",
  ];
}

/** The note about starts that are not due. */
const SURPLUS: Readonly<Record<AirflowStarts["kind"], readonly string[]>> = {
  exact: [],
  surplus: [
    "Airflow interprets these times differently from cron, so this DAG is",
    "triggered more often; runs that are not due are *skipped* immediately.",
    "",
  ],
  candidates: [
    "Airflow handles daylight-saving changes differently from cron, so this",
    "DAG is triggered more often, in ZONE; runs that are not due are *skipped*",
    "immediately.",
    "",
  ],
};
