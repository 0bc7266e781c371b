import { isSafeWord, TEND_TIMES, tendCommand, wrapperCommand } from "../../command-line.ts";
import { describeCron } from "../../cron/describe.ts";
import { parseCron } from "../../cron/expression.ts";
import { digestOf } from "../../installed/compile.ts";
import { DEFAULT_COMMAND, DEFAULT_SCHEDULE_NAME, type EntryId, entryLabel } from "../../pipeline-id.ts";
import { hasTimes, type Pipeline } from "../../schedule/schedule.ts";
import { renderFileMark } from "../owner-mark.ts";
import { configDirOf, type InstallJob } from "../scheduler.ts";
import { calendarOf } from "./calendar.ts";

/** A unit file. */
export interface Unit {
  /** File name, such as `pipelinewise-redshift-orders.timer`. */
  readonly name: string;
  readonly text: string;
}

/** Prefix of all unit names of this program. */
export const PREFIX = "pipelinewise-";

/** Longest name: systemd accepts 255 characters, and the temporary file needs some of them. */
const LONGEST = 200;

/**
 * Name of a pipeline's units, without the suffix. Its parts are joined by a dash, and a dash in a part is doubled. No part
 * begins with a dash, so two entries never have the same name.
 *
 * The name of the default schedule is left out, because the prefix says the same. Such a name has one part less, so its
 * command follows a colon, which no part contains.
 */
export function unitName(schedule: string, { target, tap, command, id }: EntryId): string {
  const own = id === undefined ? (command === DEFAULT_COMMAND ? [] : [command]) : [command, id];
  const joined = (words: readonly string[]): string => words.map((word) => word.replaceAll("-", "--")).join("-");
  const name =
    schedule === DEFAULT_SCHEDULE_NAME
      ? [`${PREFIX}${joined([target, tap])}`, ...(own.length === 0 ? [] : [joined(own)])].join(":")
      : `${PREFIX}${joined([schedule, target, tap, ...own])}`;
  return name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 17)}-${digestOf(name).slice(0, 16)}`;
}

/**
 * Name of the units that tend a schedule, without the suffix. It has one part before a colon or the end, so no entry has
 * it.
 */
const tendUnitName = (schedule: string): string =>
  schedule === DEFAULT_SCHEDULE_NAME ? `${PREFIX}tend` : `${PREFIX}${schedule.replaceAll("-", "--")}:tend`;

/** Names of the units that tend a schedule. */
export const tendUnitNames = (schedule: string): readonly string[] =>
  ["service", "timer"].map((kind) => `${tendUnitName(schedule)}.${kind}`);

/** Values that the units of a schedule share. */
export interface UnitFrame {
  /** User who runs the pipelines; `undefined` for the user of the manager. */
  readonly user: string | undefined;
  /** Further comment lines for the reader. */
  readonly remarks: readonly string[];
}

/** The units of a schedule: a service and its timer for each pipeline, and two that tend it. */
export const unitsOf = (job: InstallJob, frame: UnitFrame): readonly Unit[] => [
  ...pipelineUnits(job, frame),
  ...(job.isTended === true ? tendUnits(job, frame) : []),
];

function tendUnits(job: InstallJob, frame: UnitFrame): readonly Unit[] {
  const { name } = job.schedule;
  const unit = tendUnitName(name);
  const service = {
    about: `Tends the schedule ${name} of PipelineWise`,
    words: tendCommand(job.call),
    // What it starts goes on when it has ended.
    stop: ["KillMode=process"],
  };
  const { specs } = calendarOf({ crons: [parseCron(TEND_TIMES)], timezone: "UTC" }, job);
  const timer = { about: `Times at which the schedule ${name} of PipelineWise is tended`, remarks: [], specs };
  return [
    { name: `${unit}.service`, text: renderService(service, job, frame) },
    { name: `${unit}.timer`, text: renderTimer(timer, job, frame) },
  ];
}

function pipelineUnits(job: InstallJob, frame: UnitFrame): readonly Unit[] {
  return job.schedule.pipelines.filter(hasTimes).flatMap((pipeline) => {
    const name = unitName(job.schedule.name, pipeline);
    return [
      { name: `${name}.service`, text: renderService(pipelineService(pipeline, job), job, frame) },
      { name: `${name}.timer`, text: renderTimer(pipelineTimer(pipeline, job), job, frame) },
    ];
  });
}

function head(job: InstallJob, { remarks }: UnitFrame): readonly string[] {
  const { name, source } = job.schedule;
  return [
    renderFileMark({ schedule: name, source: source.path, configDir: configDirOf(job) }),
    "# The next install overwrites changes to this file. Make lasting changes in a drop-in: systemctl edit UNIT, or pipelinewise-.service.d/ for all units.",
    ...remarks.map((remark) => `# ${remark}`),
  ];
}

/** The parts of a service that differ. */
interface ServiceParts {
  /** Its description. */
  readonly about: string;
  /** Its command. */
  readonly words: readonly string[];
  /** Lines that say how it is stopped. */
  readonly stop: readonly string[];
}

function pipelineService(pipeline: Pipeline, { schedule, call }: InstallJob): ServiceParts {
  const { note } = pipeline;
  const about = note === undefined ? entryLabel(pipeline) : `${entryLabel(pipeline)}, ${note}`;
  return {
    about: `PipelineWise ${about} (schedule ${schedule.name})`,
    // systemd does not start a unit that is still running, so only the run itself can record the slots that it missed.
    words: [...wrapperCommand(call, pipeline), "--record-missed", "--output"],
    stop: [
      "# systemd signals only the wrapper, which ends all processes of the pipeline within 45 s.",
      "KillMode=mixed",
      "TimeoutStopSec=90s",
    ],
  };
}

function renderService({ about, words, stop }: ServiceParts, job: InstallJob, frame: UnitFrame): string {
  return lines([
    ...head(job, frame),
    "[Unit]",
    `Description=${plain(about)}`,
    "# A user's manager does not have this target and ignores it.",
    "Wants=network-online.target",
    "After=network-online.target",
    "",
    "[Service]",
    "Type=oneshot",
    ...(frame.user === undefined ? [] : [`User=${plain(frame.user)}`]),
    `ExecStart=${words.map(quoteWord).join(" ")}`,
    "SyslogIdentifier=%N",
    "NoNewPrivileges=yes",
    "UMask=0077",
    ...stop,
    "# Exit by SIGTERM means stopped, not failed.",
    "SuccessExitStatus=143",
  ]);
}

/** The parts of a timer that differ. */
interface TimerParts {
  /** Its description. */
  readonly about: string;
  /** Comment lines above its times. */
  readonly remarks: readonly string[];
  /** Calendar events. */
  readonly specs: readonly string[];
}

function pipelineTimer(pipeline: Pipeline, job: InstallJob): TimerParts {
  const { specs, mayFireEarly } = calendarOf(pipeline, job);
  const zone = pipeline.timezone === undefined ? "" : ` ${pipeline.timezone}`;
  return {
    about: `Times of PipelineWise ${entryLabel(pipeline)} (schedule ${job.schedule.name})`,
    remarks: [
      ...pipeline.crons.map((cron) => `# ${cron.text}${zone}: ${describeCron(cron)}`),
      ...(mayFireEarly
        ? [
            "# systemd handles the clock changes at these times differently from cron, so the timer uses UTC; a run that is not due is skipped.",
          ]
        : []),
    ],
    specs,
  };
}

const renderTimer = ({ about, remarks, specs }: TimerParts, job: InstallJob, frame: UnitFrame): string =>
  lines([
    ...head(job, frame),
    "[Unit]",
    `Description=${about}`,
    "",
    "[Timer]",
    ...remarks,
    ...specs.map((spec) => `OnCalendar=${spec}`),
    "# systemd's default accuracy is one minute.",
    "AccuracySec=1s",
    "",
    "[Install]",
    "WantedBy=timers.target",
  ]);

const lines = (all: readonly string[]): string => `${all.join("\n")}\n`;

/** Escapes systemd's specifiers in a text. */
const plain = (text: string): string => text.replaceAll("%", "%%");

/** Quotes an argument of a command line, see systemd.service(5), "Command lines". */
export function quoteWord(word: string, index: number): string {
  if (isSafeWord(word)) return word;
  const escaped = plain(word)
    // systemd expands variables in all arguments except the program.
    .replaceAll("$", index === 0 ? "$" : "$$$$")
    .replace(/["\\]/g, "\\$&")
    .replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${escaped}"`;
}
