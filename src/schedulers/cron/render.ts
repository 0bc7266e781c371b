import { basename } from "node:path";
import { isSafeWord, type WrapperCall, wrapperCommand } from "../../command-line.ts";
import { canonicalLines, isCanonical } from "../../cron/canonical.ts";
import type { ZoneClock } from "../../cron/clock-handling.ts";
import { describeCron } from "../../cron/describe.ts";
import { type Cron, parseCron } from "../../cron/expression.ts";
import { sameZone } from "../../cron/same-zone.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import { type Horizon, zoneTable } from "../../cron/zone-table.ts";
import { EXIT, SchedError } from "../../errors.ts";
import { entryLabel } from "../../pipeline-id.ts";
import type { Pipeline, Schedule } from "../../schedule/schedule.ts";
import { MINUTE_MS } from "../../time-units.ts";
import { looksLikeMarker } from "./block.ts";

/** Debian's cron rejects longer commands; busybox and others accept this length too. */
const LONGEST_LINE = 998;
const LONGEST_NOTE = 200;

/** Lines that belong together, by their time fields. */
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

/** When a pipeline in the machine's own zone is started. */
const ownTimings = ({ crons }: Pipeline): readonly Timing[] => crons.map(ownTiming);

/** A note as one comment line that no daemon and no marker check can misread. */
function renderNote(note: string): string {
  const words = note.replace(/[\s\p{Cc}]+/gu, " ").trim();
  const chars = [...words];
  const short = chars.length <= LONGEST_NOTE ? words : `${chars.slice(0, LONGEST_NOTE - 1).join("")}…`;
  // `crontab -l` shows a carriage return as \r: a note must not look as if it ended in one.
  const comment = `# ${short.replace(/(\\r|\s)+$/, "")}`;
  return looksLikeMarker(comment) ? `# note: ${comment.slice(2)}` : comment;
}

function demandSafeWord(what: string, word: string, remedy: string): void {
  if (isSafeWord(word) && !word.startsWith("-")) return;
  throw new SchedError(`the path of ${what}, ${JSON.stringify(word)}, is not safe in a crontab line`, {
    exitCode: EXIT.usage,
    hint: `Only A-Z a-z 0-9 _ . / : = @ , + - mean the same in every cron and shell. ${remedy}`,
  });
}

/** Throws where Node, the program or the config directory lies at a path that a crontab line cannot hold safely. */
function demandSafeCall({ node, program, configDir }: WrapperCall): void {
  demandSafeWord("Node", node, "Run pipelinewise-sched with a Node that is installed at such a path.");
  demandSafeWord(
    "pipelinewise-sched",
    program,
    "Install it at such a path: npm install --global --prefix /opt/pipelinewise-sched pipelinewise-sched",
  );
  if (configDir !== undefined) {
    demandSafeWord("the config directory", configDir, "Move it, or bind-mount it, to such a path.");
  }
}

/** The lines of one pipeline: its note as a comment, then a line for each of its times, once. */
function renderPipeline(pipeline: Pipeline, timings: readonly Timing[], call: WrapperCall): readonly string[] {
  const command = wrapperCommand(call, pipeline).join(" ");
  const { note = "" } = pipeline;
  const lines = note.trim() === "" ? [] : [renderNote(note)];
  const seen = new Set<string>();
  for (const { about, times } of timings) {
    const fresh = times.filter((one) => !seen.has(one));
    if (fresh.length > 0 && about !== undefined) lines.push(renderNote(about));
    for (const one of fresh) {
      const line = `${one} ${command}`;
      demandShort(line, pipeline);
      lines.push(line);
      seen.add(one);
    }
  }
  return lines;
}

function demandShort(line: string, pipeline: Pipeline): void {
  if (line.length <= LONGEST_LINE) return;
  throw new SchedError(
    `the crontab line of ${entryLabel(pipeline)} has ${line.length} characters; cron accepts at most ${LONGEST_LINE}`,
    { exitCode: EXIT.badSchedule, hint: "Shorten its times or ids, or the path of the config directory." },
  );
}

/**
 * All lines of a schedule, as they appear between its markers.
 *
 * @param timingsOf the lines by which a pipeline is started
 */
export function renderEntries(
  pipelines: readonly Pipeline[],
  call: WrapperCall,
  timingsOf: (pipeline: Pipeline) => readonly Timing[] = ownTimings,
): readonly string[] {
  demandSafeCall(call);
  return pipelines.flatMap((pipeline) => renderPipeline(pipeline, timingsOf(pipeline), call));
}

const HOUR_MINUTES = 60;
const DAY_MINUTES = 1440;
/**
 * cron catches up on fixed lines after a step of the clock up to this many minutes, and on all lines up to the smaller
 * one.
 */
const MADE_UP = 180;
const LATE = 5;

/** The two zones: the one that the crons are meant in, and the one that cron goes by. */
export interface ZonePair {
  readonly own: ZoneClock;
  readonly machine: ZoneClock;
}

/**
 * Time fields of candidate lines, which start an entry whenever it is due in its own zone, and sometimes when it is
 * not: the run checks that.
 *
 * Day, month and weekday are open, because dates differ between the zones. Every line is of the wildcard class, so that
 * the machine's own clock changes neither move nor skip it.
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

/** Each minute of the machine's day at which the cron may be due. */
function* machineMinutes(cron: Cron, zones: ZonePair, horizon: Horizon): Generator<number, void> {
  const times = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * HOUR_MINUTES + minute));
  const distances = new Set<number>();
  let before: number | undefined;
  for (const { at, own, machine } of offsets(zones, horizon)) {
    distances.add(Math.ceil((machine - own) / MINUTE_MS));
    const step = before === undefined ? 0 : (own - before) / MINUTE_MS;
    // What the zone's clock skips is made up when it lands.
    if (before !== undefined && step > 0 && step <= (cron.class === "fixed" ? MADE_UP : LATE)) {
      const from = Math.floor((at + before) / MINUTE_MS);
      const isSkipped = (time: number): boolean => inDay(time - from) < step;
      if (times.some(isSkipped)) yield inDay(Math.ceil((at + machine) / MINUTE_MS));
    }
    before = own;
  }
  for (const distance of distances) for (const time of times) yield inDay(time + distance);
}

/** Both offsets at the beginning, and wherever one of them may change. */
function* offsets({ own, machine }: ZonePair, { from, to }: Horizon) {
  for (let at = from; at < to; ) {
    const [ours, theirs] = [own.segmentAt(at), machine.segmentAt(at)];
    yield { at, own: ours.offset, machine: theirs.offset };
    at = Math.min(ours.endAt, theirs.endAt);
  }
}

const inDay = (minute: number): number => ((minute % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES;

/** As a step where that says the same, else every one. */
function renderMinutes(minutes: readonly number[]): string {
  if (minutes.length === HOUR_MINUTES) return "*";
  const [first, step = HOUR_MINUTES] = minutes;
  const even = Math.ceil(HOUR_MINUTES / step) === minutes.length && minutes.every((one, index) => one === index * step);
  return first === 0 && even && minutes.length > 1 ? `*/${step}` : minutes.join(",");
}

/** Begins with a star unless the minutes do. */
function renderHours(hours: readonly number[], minutes: string): string {
  if (hours.length === 24) return "*";
  if (minutes.startsWith("*")) return hours.join(",");
  // Only 0 and 23: a step of 24 would be 0 alone, but cronie 1.5 refuses it.
  return ["*/23", ...hours.filter((hour) => hour !== 0 && hour !== 23)].join(",");
}

/** The machine that lines are for: the zone that its cron goes by, and for how long the lines shall hold. */
export interface ZoneFrame {
  readonly machineZone: string;
  readonly horizon: Horizon;
}

/** The pipeline's zone, where its clocks show another time than the machine's at any instant of the horizon. */
export function foreignZone({ timezone }: Pipeline, { machineZone, horizon }: ZoneFrame): string | undefined {
  if (timezone === undefined || sameZone(timezone, machineZone)) return undefined;
  const shown = (zone: string): string => JSON.stringify(zoneTable(zoneClock(zone), horizon));
  return shown(timezone) === shown(machineZone) ? undefined : timezone;
}

/** When a pipeline is started on a machine: plain lines in the machine's own zone, candidate lines in another. */
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
export function isLoose(pipeline: Pipeline, frame: ZoneFrame): boolean {
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

/** Minutes of the day. */
const minutesOf = ({ minutes, hours }: Cron): readonly number[] =>
  hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute));

/** A schedule as crontab lines for another machine, with a header that explains how to install them. */
export function renderExport(schedule: Schedule, call: Omit<WrapperCall, "schedule">, frame: ZoneFrame): string {
  const file = basename(schedule.source.path);
  const where = call.configDir === undefined ? "" : ` --config-dir ${call.configDir}`;
  const header = [
    `Crontab lines of the schedule ${schedule.name} (${file}) for another machine.`,
    "",
    "1. Copy the schedule file to that machine and store the schedule, which the runs read:",
    `       pipelinewise-sched install --compile-only${where} ${file}`,
    "2. Add these lines to the crontab of the user who runs PipelineWise: crontab -e",
    "",
    "If you can log in to that machine, one command does both: pipelinewise-sched install",
    ...(schedule.pipelines.some(({ timezone }) => timezone !== undefined) ? ["", ...zoneWords(frame)] : []),
  ];
  const timings = (pipeline: Pipeline) => timingsIn(frame, pipeline);
  const entries = renderEntries(schedule.pipelines, { ...call, schedule: schedule.name }, timings);
  return `${[...header.map((line) => `# ${line}`.trimEnd()), "", ...entries].join("\n")}\n`;
}

/** Lines that depend on zones are valid on one kind of machine and for a limited time. */
const zoneWords = ({ machineZone, horizon }: ZoneFrame): readonly string[] => [
  `The lines are for a machine in the time zone ${machineZone}. For another one, use export --machine-zone ZONE.`,
  `They are valid until ${new Date(horizon.to).toISOString().slice(0, 10)}. Export them again before that date.`,
];
