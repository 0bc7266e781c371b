import { describeCron } from "../cron/describe.ts";
import { zoneClock } from "../cron/zone-clock.ts";
import { afterLabel, DEFAULT_COMMAND, entryLabel, type PipelineId } from "../pipeline-id.ts";
import { hasTimes, type Pipeline } from "../schedule/schedule.ts";
import type { Paint } from "../text/colors.ts";
import { renderDuration, renderMinute } from "../text/format-time.ts";
import { renderRelative } from "../text/relative-time.ts";
import { COLUMN_GAP, renderLine, widest } from "../text/table.ts";
import { padText, truncate } from "../text/width.ts";
import { MINUTE_MS } from "../time-units.ts";
import type { ChangeRow, Row, RunRow } from "./rows.ts";
import { zoneOf } from "./upcoming.ts";

/** Local time of an instant, such as `2026-10-25 01:30`. The offset is in milliseconds east of UTC. */
const renderLocal = (at: number, offset: number): string => renderMinute(at + offset).slice(0, -1);

/** An offset such as `+01:00`. */
function renderOffset(offset: number): string {
  const minutes = Math.round(Math.abs(offset) / MINUTE_MS);
  const digits = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0"));
  return `${offset < 0 ? "-" : "+"}${digits.join(":")}`;
}

/** UTC next to a local time, such as `00:30Z`. It has a date if that differs: `10-24 23:00Z`. */
function renderUtcBeside(at: number, offset: number): string {
  const utc = renderMinute(at);
  const date = utc.slice(0, utc.indexOf(" "));
  return renderLocal(at, offset).startsWith(date) ? utc.slice(date.length + 1) : utc.slice(utc.indexOf("-", 1) + 1);
}

/** An instant in local time and in UTC, such as `2026-10-25 01:30 +01:00  00:30Z`; for the zone UTC only once. */
export function renderLocalAndUtc(at: number, zone: string): string {
  if (zone === "UTC") return renderMinute(at);
  const { offset } = zoneClock(zone).intervalAt(at);
  return `${renderLocal(at, offset)} ${renderOffset(offset)}  ${renderUtcBeside(at, offset)}`;
}

/** How a table of runs is rendered. */
export interface TableStyle {
  readonly pipelines: readonly Pipeline[];
  readonly machineZone: string;
  readonly now: number;
  /** Columns of the terminal, to which notes are shortened; `undefined`: nothing is shortened. */
  readonly width: number | undefined;
  readonly paint: Paint;
}

/** A column of the table. */
interface Column {
  readonly head: string;
  readonly width: number;
  /** The text of a row with its colours, padded to `width` (except in the last column). */
  readonly cell: (row: RunRow) => string;
}

/** A table of runs, line by line. The widths depend on the pipelines only, so no line waits for the last run. */
export function* renderTable(rows: Iterable<Row>, look: TableStyle): Generator<string, void> {
  const times = timeColumns(look);
  const columns = [...times, ...pipelineColumns(look, widthOf(times))];
  const followers = findFollowers(look.pipelines);
  let isEmpty = true;
  for (const row of rows) {
    if (isEmpty) yield renderHead(columns, look);
    isEmpty = false;
    yield renderRow(row, columns, look);
    if (row.kind === "run") yield* renderFollowers(row.pipeline, followers, { indent: widthOf(times), look });
  }
  if (isEmpty) yield "No pipeline runs in this period.\n";
}

/**
 * One block for each pipeline: its name and times, then its runs.
 *
 * @param blocks in the order of the file
 */
export function* renderBlocks(
  blocks: Iterable<{ readonly pipeline: Pipeline; readonly rows: Iterable<Row> }>,
  look: TableStyle,
): Generator<string, void> {
  let separator = "";
  const followers = findFollowers(look.pipelines);
  for (const { pipeline, rows } of blocks) {
    const { note } = pipeline;
    const zone = pipeline.timezone === undefined ? "" : `, ${pipeline.timezone}`;
    yield `${separator}${look.paint.strong(entryLabel(pipeline))}${note === undefined ? "" : `: ${oneLine(note)}`}\n`;
    if (hasTimes(pipeline)) {
      yield `${describeCrons(pipeline)}  ${look.paint.faint(`(${pipeline.crons.map(({ text }) => text).join("; ")}${zone})`)}\n`;
    }
    if (pipeline.after !== undefined) yield `${afterLabel(pipeline.after)}\n`;
    yield* renderFollowers(pipeline, followers, { indent: 2, look });
    if (!hasTimes(pipeline)) {
      separator = "\n";
      continue;
    }
    const columns = timeColumns({ ...look, pipelines: [pipeline] });
    let isEmpty = true;
    for (const row of rows) {
      isEmpty = false;
      yield `  ${renderRow(row, columns, look)}`;
    }
    if (isEmpty) yield "  no run in this period\n";
    separator = "\n";
  }
}

const pipelineKey = ({ tap, target }: PipelineId): string => `${target}/${tap}`;

/** The entries that run after each pipeline. */
function findFollowers(pipelines: readonly Pipeline[]): ReadonlyMap<string, readonly Pipeline[]> {
  const found = new Map<string, Pipeline[]>();
  for (const follower of pipelines) {
    for (const key of new Set(follower.after?.map(pipelineKey))) {
      found.set(key, [...(found.get(key) ?? []), follower]);
    }
  }
  return found;
}

interface FollowerStyle {
  readonly indent: number;
  readonly look: Pick<TableStyle, "paint">;
  /** Entries that have a line already: one that runs after several pipelines is shown once. */
  readonly seen?: Set<Pipeline>;
}

/** A line for each entry that runs after a pipeline, and for those that run after these. */
function* renderFollowers(
  pipeline: Pipeline,
  followers: ReadonlyMap<string, readonly Pipeline[]>,
  { indent, look, seen = new Set() }: FollowerStyle,
): Generator<string, void> {
  if (pipeline.command !== DEFAULT_COMMAND) return;
  for (const follower of followers.get(pipelineKey(pipeline)) ?? []) {
    if (seen.has(follower)) continue;
    seen.add(follower);
    const others = (follower.after ?? []).filter((one) => pipelineKey(one) !== pipelineKey(pipeline));
    const also = others.length === 0 ? "" : `  ${look.paint.faint(`(also ${afterLabel(others)})`)}`;
    yield `${" ".repeat(indent)}└ ${entryLabel(follower)}${also}\n`;
    yield* renderFollowers(follower, followers, { indent: indent + 2, look, seen });
  }
}

/** The columns of time: local time, the zone if there are several, UTC, and the distance from now. */
function timeColumns({ pipelines, machineZone, now, paint }: TableStyle): readonly Column[] {
  const zones = new Set(pipelines.map((pipeline) => zoneOf(pipeline, machineZone)));
  const fromNow = column("FROM NOW", 14, ({ at }) => renderRelative(at, now), paint.faint);
  if (zones.size === 1 && zones.has("UTC")) return [column("TIME IN UTC", 17, ({ at }) => renderMinute(at)), fromNow];
  const zone = column("ZONE", widest([...zones, "ZONE"]), (row) => row.zone);
  return [
    column("LOCAL TIME", 23, ({ at, offset, offsetIsNew }) => {
      return renderLocal(at, offset) + (offsetIsNew ? ` ${renderOffset(offset)}` : "");
    }),
    ...(zones.size > 1 ? [zone] : []),
    column("UTC", 12, ({ at, offset }) => renderUtcBeside(at, offset)),
    fromNow,
  ];
}

/** A column of time. It caches its last cell, because many pipelines run in the same minute. */
function column(head: string, width: number, text: (row: RunRow) => string, paint = asIs): Column {
  let last: RunRow | undefined;
  let lastCell = "";
  const cell = (row: RunRow): string => {
    const isKnown =
      last !== undefined && row.at === last.at && row.zone === last.zone && row.offsetIsNew === last.offsetIsNew;
    if (!isKnown) lastCell = paint(padText(text(row), width));
    last = row;
    return lastCell;
  };
  return { head, width, cell };
}

/**
 * The columns for the pipeline and its note.
 *
 * @param used width of the columns before them
 */
function pipelineColumns({ pipelines, width = UNLIMITED, paint }: TableStyle, used: number): readonly Column[] {
  const labelWidth = widest([...pipelines.map(entryLabel), "PIPELINE"]);
  const left = width - used - labelWidth - COLUMN_GAP.length;
  const label = perPipeline("PIPELINE", labelWidth, pipelines, (one) => padText(entryLabel(one), labelWidth));
  if (left < MIN_NOTE_WIDTH) return [label];
  return [label, perPipeline("NOTE", 0, pipelines, (one) => paint.faint(truncate(describePipeline(one), left)))];
}

function perPipeline(head: string, width: number, all: readonly Pipeline[], text: (one: Pipeline) => string): Column {
  const texts = new Map(all.map((pipeline) => [pipeline, text(pipeline)]));
  return { head, width, cell: ({ pipeline }) => texts.get(pipeline) ?? "" };
}

const asIs = (text: string): string => text;
const UNLIMITED = Number.POSITIVE_INFINITY;
/** A note that would be shorter is omitted. */
const MIN_NOTE_WIDTH = 10;
const widthOf = (columns: readonly Column[]): number =>
  columns.reduce((sum, { width }) => sum + width + COLUMN_GAP.length, 0);

function renderHead(columns: readonly Column[], { paint }: TableStyle): string {
  const line = renderLine(
    columns.map(({ head }) => head),
    columns.map(({ width }) => width),
  );
  return `${paint.strong(line.trimEnd())}\n`;
}

function renderRow(row: Row, columns: readonly Column[], { paint }: TableStyle): string {
  if (row.kind === "change") return `${paint.warning(describeChange(row))}\n`;
  let line = "";
  for (const { cell } of columns) line += line === "" ? cell(row) : COLUMN_GAP + cell(row);
  return `${line.trimEnd()}\n`;
}

/** Such as `── Europe/London: the clocks go back 1 h at 2026-10-25 01:00Z: 02:00 +01:00 becomes 01:00 +00:00`. */
function describeChange({ at, zone, before, after }: ChangeRow): string {
  const size = renderDuration(Math.abs(after - before));
  const direction = after > before ? `forward ${size}` : `back ${size}`;
  const clock = (offset: number) => `${renderLocal(at, offset).slice(-5)} ${renderOffset(offset)}`;
  return `── ${zone}: the clocks go ${direction} at ${renderMinute(at)}: ${clock(before)} becomes ${clock(after)}`;
}

/** The times of a pipeline in English, without repetitions. */
const describeCrons = ({ crons }: Pipeline): string => [...new Set(crons.map(describeCron))].join("; ");

/** The user's note on one line, followed by the times in English unless the note contains them. */
function describePipeline(pipeline: Pipeline): string {
  const times = describeCrons(pipeline);
  const note = pipeline.note === undefined ? "" : oneLine(pipeline.note);
  if (note === "") return times;
  return note.toLowerCase().includes(times.toLowerCase()) ? note : `${note} (${times})`;
}

const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ").trim();
