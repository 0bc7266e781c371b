import { basename } from "node:path";
import { quoteWord } from "../../command-line.ts";
import { type Mark, readFileMark, renderFileMark } from "../owner-mark.ts";
import type { ExportJob } from "../scheduler.ts";
import { type PipelineDag, pipelineDag, SKIP_EXIT_CODE } from "./dag.ts";

/** A DAG file of ours, as far as it could be read. */
export interface InstalledDags {
  readonly mark: Mark;
  /** By id; empty where somebody has edited the list. */
  readonly dags: ReadonlyMap<string, Pick<PipelineDag, "start_date" | "crons">>;
}

/** What the file is called: Airflow reads whatever ends in `.py`. */
export const dagFileName = (schedule: string): string => `pipelinewise_sched_${schedule}.py`;

/** Whose the file of a job is. */
export const markOf = ({ schedule, call }: ExportJob): Mark => ({
  schedule: schedule.name,
  source: schedule.source.path,
  configDir: call.configDir,
});

/**
 * The whole file: whose it is, a list, and a loop that makes DAGs of it.
 *
 * @param before what stands there now: a DAG keeps the start date that it has
 */
export function renderDagFile(job: ExportJob, before?: InstalledDags): string {
  const { schedule, call, machineZone, horizon } = job;
  const now = `${job.at.toISOString().slice(0, 19)}+00:00`;
  const startOf = (id: string): string => before?.dags.get(id)?.start_date ?? now;
  const dags = schedule.pipelines.map((one) => pipelineDag(one, { call, machineZone, horizon, startOf }));
  return [
    renderHead(job),
    renderFileMark(markOf(job)),
    IMPORTS,
    LIST_BEGIN + JSON.stringify(dags, undefined, 4),
    LOOP,
  ].join("\n");
}

/** What a file says, where it is ours. */
export function readDagFile(text: string): InstalledDags | undefined {
  const mark = readFileMark(text);
  return mark === undefined ? undefined : { mark, dags: new Map(readList(text)) };
}

const LIST_BEGIN = "PIPELINES = ";

function* readList(text: string): Generator<[string, Pick<PipelineDag, "start_date" | "crons">], void> {
  const begin = text.indexOf(`\n${LIST_BEGIN}[\n`);
  const end = text.indexOf("\n]\n", begin);
  if (begin === -1 || end === -1) return;
  let list: unknown;
  try {
    list = JSON.parse(text.slice(begin + 1 + LIST_BEGIN.length, end + 2));
  } catch (error) {
    if (error instanceof SyntaxError) return;
    throw error;
  }
  for (const one of Array.isArray(list) ? list : []) {
    const { dag_id, start_date, crons }: Partial<Record<string, unknown>> = { ...one };
    if (typeof dag_id !== "string" || typeof start_date !== "string" || !isInstant(start_date)) continue;
    yield [dag_id, { start_date, crons: Array.isArray(crons) ? crons.map(String) : [] }];
  }
}

const isInstant = (text: string): boolean => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/.test(text);

function renderHead({ schedule, call }: ExportJob): string {
  const file = quoteWord(basename(schedule.source.path));
  const lines = [
    `The schedule ${schedule.name} as DAGs for Apache Airflow 2.9 or newer, written by pipelinewise-sched: do not edit.`,
    "",
    "Change the schedule file instead, and install it again:",
    `    pipelinewise-sched install --on airflow ${file}`,
    "What a run does is stored on the machine that it runs on. Workers elsewhere need, after each change:",
    `    pipelinewise-sched install --compile-only --config-dir ${quoteWord(call.configDir)} ${file}`,
    "To take it away again:",
    `    pipelinewise-sched uninstall --on airflow --name ${schedule.name}`,
    "",
  ];
  return lines.map((line) => `# ${oneLine(line)}`.trimEnd()).join("\n");
}

/** No name of a file may end a comment. */
const oneLine = (text: string): string => text.replace(/\p{Cc}/gu, "?");

const IMPORTS = `
from datetime import datetime

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
try:
    from airflow.sdk import CronTriggerTimetable, MultipleCronTriggerTimetable
except ImportError:
    from airflow.timetables import trigger

    CronTriggerTimetable = trigger.CronTriggerTimetable
    MultipleCronTriggerTimetable = getattr(trigger, "MultipleCronTriggerTimetable", None)
try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:
    from airflow.operators.bash import BashOperator
`;

const LOOP = `
# A run that somebody triggers, or a backfill, stands for no due time: it runs the pipeline. A task that is cleared is
# tried once more, and runs its due time again.
WHEN_SCHEDULED = (
    "{% if dag_run.run_type == 'scheduled' %} --scheduled --output --slot {{ ts }}"
    "{% if ti.try_number > 1 %} --again{% endif %}{% endif %}"
)


def timetables(crons, timezone):
    """One for all crons where Airflow has such a thing, else one for each."""
    if len(crons) > 1 and MultipleCronTriggerTimetable is not None:
        return [MultipleCronTriggerTimetable(*crons, timezone=timezone)]
    return [CronTriggerTimetable(cron, timezone=timezone) for cron in crons]


for pipeline in PIPELINES:
    schedules = timetables(pipeline["crons"], pipeline["timezone"])
    for number, schedule in enumerate(schedules, start=1):
        with DAG(
            pipeline["dag_id"] if len(schedules) == 1 else f"{pipeline['dag_id']}__{number}",
            description=pipeline["description"],
            schedule=schedule,
            start_date=datetime.fromisoformat(pipeline["start_date"]),
            catchup=False,
            # Above 1: a run that finds the pipeline at work is to be seen as skipped. pipelinewise-sched keeps them apart.
            max_active_runs=10,
            is_paused_upon_creation=False,
            tags=pipeline["tags"],
            doc_md=pipeline["doc_md"],
        ):
            BashOperator(
                task_id="run",
                bash_command=pipeline["command"] + WHEN_SCHEDULED,
                skip_on_exit_code=${SKIP_EXIT_CODE},
                retries=0,
                do_xcom_push=False,
            )
`;
