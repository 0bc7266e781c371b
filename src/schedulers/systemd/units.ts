import { isSafeWord, wrapperCommand } from "../../command-line.ts";
import { describeCron } from "../../cron/describe.ts";
import { digestOf } from "../../installed/compile.ts";
import { DEFAULT_COMMAND, type EntryId, entryLabel } from "../../pipeline-id.ts";
import type { Pipeline } from "../../schedule/schedule.ts";
import { renderFileMark } from "../owner-mark.ts";
import type { ExportJob } from "../scheduler.ts";
import { calendarOf } from "./calendar.ts";

/** A unit file. */
export interface Unit {
  /** With its ending: `pipelinewise-warehouse-redshift-orders.timer`. */
  readonly name: string;
  readonly text: string;
}

/** What all unit files of ours are called. */
export const PREFIX = "pipelinewise-";

/** systemd takes 255 characters, the ending and a file's name while it is written included. */
const LONGEST = 200;

/**
 * What a pipeline's units are called, without their ending. Words are joined by a dash, and a dash within one is doubled:
 * none begins with one, so that no two entries have one name.
 */
export function unitName(schedule: string, { target, tap, command, id }: EntryId): string {
  const own = id === undefined ? (command === DEFAULT_COMMAND ? [] : [command]) : [command, id];
  const words = [schedule, target, tap, ...own].map((word) => word.replaceAll("-", "--"));
  const name = `${PREFIX}${words.join("-")}`;
  return name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 17)}-${digestOf(name).slice(0, 16)}`;
}

/** Whom units are for. */
export interface UnitFrame {
  /** Who runs the pipelines; `undefined`: whose manager starts them. */
  readonly user: string | undefined;
  /** What else the reader of a unit should know, a line each. */
  readonly remarks: readonly string[];
}

/** The units of a schedule: for each pipeline a service, and the timer that starts it. */
export function unitsOf(job: ExportJob, frame: UnitFrame): readonly Unit[] {
  return job.schedule.pipelines.flatMap((pipeline) => {
    const name = unitName(job.schedule.name, pipeline);
    return [
      { name: `${name}.service`, text: renderService(pipeline, job, frame) },
      { name: `${name}.timer`, text: renderTimer(pipeline, job, frame) },
    ];
  });
}

function head({ schedule, call }: ExportJob, { remarks }: UnitFrame): readonly string[] {
  const { name, source } = schedule;
  return [
    renderFileMark({ schedule: name, source: source.path, configDir: call.configDir }),
    "# The next install overwrites changes to this file. Make lasting changes in a drop-in: systemctl edit UNIT",
    ...remarks.map((remark) => `# ${remark}`),
  ];
}

function renderService(pipeline: Pipeline, job: ExportJob, frame: UnitFrame): string {
  const { note } = pipeline;
  const about = note === undefined ? entryLabel(pipeline) : `${entryLabel(pipeline)}, ${note}`;
  // systemd starts no unit that is still at work, so that nothing but the run itself can tell what came due meanwhile.
  const words = [...wrapperCommand(job.call, pipeline), "--tell-missed", "--output"];
  return lines([
    ...head(job, frame),
    "[Unit]",
    `Description=PipelineWise ${plain(about)} (schedule ${job.schedule.name})`,
    "",
    "[Service]",
    "Type=oneshot",
    ...(frame.user === undefined ? [] : [`User=${plain(frame.user)}`]),
    `ExecStart=${words.map(quoteWord).join(" ")}`,
    "SyslogIdentifier=%N",
    "# systemd signals only the wrapper, which ends all processes of the pipeline within 45 s.",
    "KillMode=mixed",
    "TimeoutStopSec=90s",
    "# Exit by SIGTERM means stopped, not failed.",
    "SuccessExitStatus=143",
  ]);
}

function renderTimer(pipeline: Pipeline, job: ExportJob, frame: UnitFrame): string {
  const { specs, isLoose } = calendarOf(pipeline, job);
  const zone = pipeline.timezone === undefined ? "" : ` ${pipeline.timezone}`;
  return lines([
    ...head(job, frame),
    "[Unit]",
    `Description=Times of PipelineWise ${entryLabel(pipeline)} (schedule ${job.schedule.name})`,
    "",
    "[Timer]",
    ...pipeline.crons.map((cron) => `# ${cron.text}${zone}: ${describeCron(cron)}`),
    ...(isLoose
      ? [
          "# systemd handles the clock changes at these times differently from cron, so the timer uses UTC; a run that is not due is skipped.",
        ]
      : []),
    ...specs.map((spec) => `OnCalendar=${spec}`),
    "# systemd's default accuracy is one minute.",
    "AccuracySec=1s",
    "",
    "[Install]",
    "WantedBy=timers.target",
  ]);
}

const lines = (all: readonly string[]): string => `${all.join("\n")}\n`;

/** A text in which systemd shall not see its specifiers. */
const plain = (text: string): string => text.replaceAll("%", "%%");

/** A word of a command line as systemd reads it: systemd.service(5), "Command lines". */
export function quoteWord(word: string, index: number): string {
  if (isSafeWord(word)) return word;
  const escaped = plain(word)
    // Variables are filled in everywhere but in the program.
    .replaceAll("$", index === 0 ? "$" : "$$$$")
    .replace(/["\\]/g, "\\$&")
    .replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${escaped}"`;
}
