import { basename } from "node:path";
import { isSafeWord, TEND_TIMES, tendCommand, type WrapperCall, wrapperCommand } from "../../command-line.ts";
import { canonicalLines, isCanonical } from "../../cron/canonical.ts";
import type { ZoneClock } from "../../cron/clock-handling.ts";
import { describeCron } from "../../cron/describe.ts";
import { type Cron, parseCron } from "../../cron/expression.ts";
import { sameZone } from "../../cron/same-zone.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import { type Horizon, zoneTable } from "../../cron/zone-table.ts";
import { EXIT, SchedError } from "../../errors.ts";
import { entryLabel } from "../../pipeline-id.ts";
import type { Diagnostic } from "../../schedule/diagnostic.ts";
import type { Pipeline, Schedule } from "../../schedule/schedule.ts";
import { MINUTE_MS } from "../../time-units.ts";
import type { InstallJob } from "../scheduler.ts";
import { looksLikeMarker } from "./block.ts";

/** Debian's cron rejects longer commands; busybox and others accept this length too. */
const LONGEST_LINE = 998;
const LONGEST_NOTE = 200;

/** The time fields of lines that belong together. */
export interface Timing {
  /** Comment above the lines; `undefined` if the lines are clear without it. */
  readonly about?: string | undefined;
  readonly times: readonly string[];
}

/** Times in the machine's own zone, with a comment if the lines differ from the user's expression. */
const ownTiming = (cron: Cron): Timing => ({
  about: isCanonical(cron) ? undefined : `${cron.text}: ${describeCron(cron)}`,
  times: canonicalLines(cron),
});

/** The times of a pipeline in the machine's own zone. */
const ownTimings = ({ crons }: Pipeline): readonly Timing[] => crons.map(ownTiming);

/** Renders a note as one comment line that no daemon takes for an entry and no check takes for a marker. */
function renderNote(note: string): string {
  const words = note.replace(/[\s\p{Cc}]+/gu, " ").trim();
  const chars = [...words];
  const short = chars.length <= LONGEST_NOTE ? words : `${chars.slice(0, LONGEST_NOTE - 1).join("")}…`;
  // `crontab -l` shows a carriage return as \r, so a note must not end with these characters.
  const comment = `# ${short.replace(/(\\r|\s)+$/, "")}`;
  return looksLikeMarker(comment) ? `# note: ${comment.slice(2)}` : comment;
}

/** A reason why cron would not start a line as it is meant, and what to do. */
interface LineFault {
  readonly message: string;
  readonly hint: string;
}

function unsafeWord(what: string, word: string, remedy: string): readonly LineFault[] {
  if (isSafeWord(word) && !word.startsWith("-")) return [];
  return [
    {
      message: `the path of ${what}, ${JSON.stringify(word)}, is not safe in a crontab line`,
      hint: `Only A-Z a-z 0-9 _ . / : = @ , + - mean the same in every cron and shell. ${remedy}`,
    },
  ];
}

/** Reasons why the path of Node, the program or the config directory is not safe in a crontab line. */
const unsafePaths = ({ node, program, configDir }: WrapperCall): readonly LineFault[] => [
  ...unsafeWord("Node", node, "Run pipelinewise-sched with a Node that is installed at such a path."),
  ...unsafeWord(
    "pipelinewise-sched",
    program,
    "Install it at such a path: npm install --global --prefix /opt/pipelinewise-sched pipelinewise-sched",
  ),
  ...(configDir === undefined
    ? []
    : unsafeWord("the config directory", configDir, "Move it, or bind-mount it, to such a path.")),
];

/** The lines of one pipeline: its note as a comment, then one line for each of its times. */
function renderPipeline(pipeline: Pipeline, timings: readonly Timing[], call: WrapperCall): readonly string[] {
  const command = wrapperCommand(call, pipeline).join(" ");
  const { note = "" } = pipeline;
  const lines = note.trim() === "" ? [] : [renderNote(note)];
  const seen = new Set<string>();
  for (const { about, times } of timings) {
    const fresh = times.filter((one) => !seen.has(one));
    if (fresh.length > 0 && about !== undefined) lines.push(renderNote(about));
    for (const one of fresh) {
      lines.push(`${one} ${command}`);
      seen.add(one);
    }
  }
  // An entry without times only runs after other pipelines, so its note has no place here.
  return seen.size === 0 ? [] : lines;
}

function findLongLine(lines: readonly string[], pipeline: Pipeline): LineFault | undefined {
  const line = lines.find(({ length }) => length > LONGEST_LINE);
  if (line === undefined) return undefined;
  return {
    message: `the crontab line of ${entryLabel(pipeline)} has ${line.length} characters; cron accepts at most ${LONGEST_LINE}`,
    hint: "Shorten its times or ids, or the path of the config directory.",
  };
}

type EntryLines = readonly [
  pipelines: readonly Pipeline[],
  call: WrapperCall,
  timingsOf?: (pipeline: Pipeline) => readonly Timing[],
  isTended?: boolean | undefined,
];

/** The line that tends the schedule. It is shorter than the line of any pipeline. */
const tendLine = (call: WrapperCall): string => `${TEND_TIMES} ${tendCommand(call).join(" ")}`;

/** Reasons why `renderEntries` would throw: unsafe paths, and pipelines with a line that is too long. */
export const checkEntries = (...[pipelines, call, timingsOf = ownTimings]: EntryLines): readonly Diagnostic[] => [
  ...unsafePaths(call).map((fault) => ({ path: [], ...fault })),
  ...pipelines.flatMap((pipeline, index) => {
    const fault = findLongLine(renderPipeline(pipeline, timingsOf(pipeline), call), pipeline);
    return fault === undefined ? [] : [{ path: ["pipelines", index], ...fault }];
  }),
];

/**
 * All lines of a schedule, as they appear between its markers.
 *
 * @param timingsOf the lines by which a pipeline is started
 * @throws SchedError if cron would not start a line as it is meant
 */
export function renderEntries(...[pipelines, call, timingsOf = ownTimings, isTended]: EntryLines): readonly string[] {
  const [unsafe] = unsafePaths(call);
  if (unsafe !== undefined) throw new SchedError(unsafe.message, { exitCode: EXIT.usage, hint: unsafe.hint });
  const lines = pipelines.flatMap((pipeline) => {
    const lines = renderPipeline(pipeline, timingsOf(pipeline), call);
    const long = findLongLine(lines, pipeline);
    if (long !== undefined) throw new SchedError(long.message, { exitCode: EXIT.badSchedule, hint: long.hint });
    return lines;
  });
  return isTended === true ? [...lines, tendLine(call)] : lines;
}

const HOUR_MINUTES = 60;
const DAY_MINUTES = 1440;
/**
 * cron catches up on fixed lines after a step of the clock up to this many minutes, and on all lines up to the smaller
 * one.
 */
const MADE_UP = 180;
const LATE = 5;

/** The time zone of the cron expressions, and the time zone that cron uses. */
export interface ZonePair {
  readonly own: ZoneClock;
  readonly machine: ZoneClock;
}

/**
 * Computes the time fields of candidate lines. They start an entry whenever it is due in its own zone, and sometimes when it
 * is not; the run checks that.
 *
 * Day, month and weekday are `*`, because dates differ between the zones. The hour or the minute of each line begins with
 * `*`, so that cron neither moves nor skips it when the machine's clock changes.
 */
export function candidateTimes(crons: readonly Cron[], zones: ZonePair, horizon: Horizon): readonly string[] {
  const wanted = new Set<number>();
  for (const cron of crons) for (const minute of machineMinutes(cron, zones, horizon)) wanted.add(minute);
  const hoursOf = new Map<string, number[]>();
  for (let hour = 0; hour < 24; hour++) {
    const minutes = Array.from({ length: HOUR_MINUTES }, (_, minute) => minute).filter((minute) =>
      wanted.has(hour * HOUR_MINUTES + minute),
    );
    if (minutes.length === 0) continue;
    const field = renderMinutes(minutes);
    hoursOf.set(field, [...(hoursOf.get(field) ?? []), hour]);
  }
  return [...hoursOf].map(([minutes, hours]) => `${minutes} ${renderHours(hours, minutes)} * * *`);
}

/** Each minute of the machine's day at which the cron expression may be due. */
function* machineMinutes(cron: Cron, zones: ZonePair, horizon: Horizon): Generator<number, void> {
  const times = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * HOUR_MINUTES + minute));
  const distances = new Set<number>();
  let before: number | undefined;
  for (const { at, own, machine } of offsets(zones, horizon)) {
    distances.add(Math.ceil((machine - own) / MINUTE_MS));
    const step = before === undefined ? 0 : (own - before) / MINUTE_MS;
    // Times that the zone's clock skips are caught up right after the change.
    if (before !== undefined && step > 0 && step <= (cron.class === "fixed" ? MADE_UP : LATE)) {
      const from = Math.floor((at + before) / MINUTE_MS);
      const isSkipped = (time: number): boolean => inDay(time - from) < step;
      if (times.some(isSkipped)) yield inDay(Math.ceil((at + machine) / MINUTE_MS));
    }
    before = own;
  }
  for (const distance of distances) for (const time of times) yield inDay(time + distance);
}

/** Both offsets at the beginning and at each instant at which one of them may change. */
function* offsets({ own, machine }: ZonePair, { from, to }: Horizon) {
  for (let at = from; at < to; ) {
    const [ours, theirs] = [own.intervalAt(at), machine.intervalAt(at)];
    yield { at, own: ours.offset, machine: theirs.offset };
    at = Math.min(ours.endAt, theirs.endAt);
  }
}

const inDay = (minute: number): number => ((minute % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;

/** Renders minutes as a step if possible, otherwise as a list. */
function renderMinutes(minutes: readonly number[]): string {
  if (minutes.length === HOUR_MINUTES) return "*";
  const [first, step = HOUR_MINUTES] = minutes;
  const even = Math.ceil(HOUR_MINUTES / step) === minutes.length && minutes.every((one, index) => one === index * step);
  return first === 0 && even && minutes.length > 1 ? `*/${step}` : minutes.join(",");
}

/** Renders hours. They begin with `*` unless the minutes do. */
function renderHours(hours: readonly number[], minutes: string): string {
  if (hours.length === 24) return "*";
  if (minutes.startsWith("*")) return hours.join(",");
  // `*/23` means 0 and 23. A step of 24 would mean only 0, but cronie 1.5 rejects it.
  return ["*/23", ...hours.filter((hour) => hour !== 0 && hour !== 23)].join(",");
}

/** The time zone of the machine's cron, and the period for which the lines must be valid. */
export interface ZoneFrame {
  readonly machineZone: string;
  readonly horizon: Horizon;
}

/** The pipeline's zone, if its local time differs from the machine's at any instant of the horizon. */
export function foreignZone(
  { timezone }: Pick<Pipeline, "timezone">,
  { machineZone, horizon }: ZoneFrame,
): string | undefined {
  if (timezone === undefined || sameZone(timezone, machineZone)) return undefined;
  const shown = (zone: string): string => JSON.stringify(zoneTable(zoneClock(zone), horizon));
  return shown(timezone) === shown(machineZone) ? undefined : timezone;
}

/** The lines for a pipeline: plain lines in the machine's own zone, candidate lines in another zone. */
export function timingsIn(frame: ZoneFrame, pipeline: Pipeline): readonly Timing[] {
  const zone = foreignZone(pipeline, frame);
  if (zone === undefined) return ownTimings(pipeline);
  const zones = { own: zoneClock(zone), machine: zoneClock(frame.machineZone) };
  return pipeline.crons.map((cron) => {
    const times = candidateTimes([cron], zones, frame.horizon);
    const lines = times.length === 1 ? "candidate line" : "candidate lines";
    return { about: `${cron.text} ${zone}: ${describeCron(cron)}; ${lines}: the run checks whether it is due`, times };
  });
}

/** Whether the lines of a pipeline also start it when it is not due, so that such a start is only counted. */
export function mayFireEarly(pipeline: Pipeline, frame: ZoneFrame): boolean {
  if (foreignZone(pipeline, frame) !== undefined) return true;
  const minutes = new Set<number>();
  for (const cron of pipeline.crons) {
    const [line, ...more] = canonicalLines(cron).map(parseCron);
    if (line === undefined || more.length > 0 || !sameTimes(line, cron)) return true;
    for (const minute of minutesOf(cron)) {
      if (minutes.has(minute)) return true;
      minutes.add(minute);
    }
  }
  return false;
}

const FIELDS = ["minutes", "hours", "days", "months", "weekdays"] as const;
const sameTimes = (one: Cron, other: Cron): boolean =>
  FIELDS.every((field) => one[field].join() === other[field].join());

/** The minutes of the day at which a cron expression fires. */
const minutesOf = ({ minutes, hours }: Cron): readonly number[] =>
  hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute));

const EXPORT_TITLE = "Crontab lines of the schedule";

/** Whether a text begins as `renderExport` does. */
export const isExport = (text: string): boolean => text.startsWith(`# ${EXPORT_TITLE} `);

/** Renders a schedule as crontab lines for another machine, with a header that explains how to install them. */
export function renderExport(
  schedule: Schedule,
  call: Omit<WrapperCall, "schedule">,
  frame: ZoneFrame & Pick<InstallJob, "isTended">,
): string {
  const file = basename(schedule.source.path);
  const where = call.configDir === undefined ? "" : ` --config-dir ${call.configDir}`;
  const header = [
    `${EXPORT_TITLE} ${schedule.name} (${file}) for another machine.`,
    "",
    "1. Copy the schedule file to that machine and store the schedule, which the runs read:",
    `       pipelinewise-sched install --compile-only${where} ${file}`,
    "2. Add these lines to the crontab of the user who runs PipelineWise: crontab -e",
    "",
    "If you can log in to that machine, one command does both: pipelinewise-sched install",
    ...(schedule.pipelines.some(({ timezone }) => timezone !== undefined) ? ["", ...zoneWords(frame)] : []),
  ];
  const timings = (pipeline: Pipeline) => timingsIn(frame, pipeline);
  const named = { ...call, schedule: schedule.name };
  const entries = renderEntries(schedule.pipelines, named, timings, frame.isTended);
  return `${[...header.map((line) => `# ${line}`.trimEnd()), "", ...entries].join("\n")}\n`;
}

/** Header lines about time zones: such lines are valid for one machine zone and a limited time. */
const zoneWords = ({ machineZone, horizon }: ZoneFrame): readonly string[] => [
  `The lines are for a machine in the time zone ${machineZone}. For another one, use export --machine-zone ZONE.`,
  `They are valid until ${new Date(horizon.to).toISOString().slice(0, 10)}. Export them again before that date.`,
];
