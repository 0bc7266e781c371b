import { describeCron } from "../cron/describe.ts";
import { zoneClock } from "../cron/zone-clock.ts";
import { entryLabel } from "../pipeline-id.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import type { Paint } from "../text/colors.ts";
import { renderMinute, renderRelative } from "../text/format-time.ts";
import { fitText, padText, textWidth } from "../text/width.ts";
import { MINUTE_MS } from "../time-units.ts";
import type { ChangeRow, Row, RunRow } from "./rows.ts";
import { zoneOf } from "./upcoming.ts";

/** `2026-10-25 01:30` of an instant on clocks that are `offset` milliseconds ahead of UTC. */
const renderWall = (at: number, offset: number): string => renderMinute(at + offset).slice(0, -1);

/** `+01:00` */
function renderOffset(offset: number): string {
  const minutes = Math.round(Math.abs(offset) / MINUTE_MS);
  const digits = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0"));
  return `${offset < 0 ? "-" : "+"}${digits.join(":")}`;
}

/** UTC beside a local time: `00:30Z`, and the date where it is another one: `10-24 23:00Z`. */
function renderUtcBeside(at: number, offset: number): string {
  const utc = renderMinute(at);
  const date = utc.slice(0, utc.indexOf(" "));
  return renderWall(at, offset).startsWith(date) ? utc.slice(date.length + 1) : utc.slice(utc.indexOf("-", 1) + 1);
}

/** An instant on a zone's clocks, and in UTC where that is another time: `2026-10-25 01:30 +01:00  00:30Z`. */
export function renderBoth(at: number, zone: string): string {
  if (zone === "UTC") return renderMinute(at);
  const { offset } = zoneClock(zone).segmentAt(at);
  return `${renderWall(at, offset)} ${renderOffset(offset)}  ${renderUtcBeside(at, offset)}`;
}

/** How rows are to look. */
export interface Look {
  readonly pipelines: readonly Pipeline[];
  readonly machineZone: string;
  readonly now: number;
  /** Of the terminal; notes are cut to it. `undefined`: nothing is cut. */
  readonly width: number | undefined;
  readonly paint: Paint;
}

/** Something told of each run. Its text is as wide as the column, unless it is the last one, and painted. */
interface Column {
  readonly head: string;
  readonly width: number;
  readonly cell: (row: RunRow) => string;
}

/** A table of runs, line by line as they come: widths go by all pipelines shown, so nothing waits for the last run. */
export function* renderTable(rows: Iterable<Row>, look: Look): Generator<string, void> {
  const times = timeColumns(look);
  const columns = [...times, ...pipelineColumns(look, widthOf(times))];
  let isEmpty = true;
  for (const row of rows) {
    if (isEmpty) yield headLine(columns, look);
    isEmpty = false;
    yield renderRow(row, columns, look);
  }
  if (isEmpty) yield "No pipeline runs in this period.\n";
}

/** One block for each pipeline: what it is, then its runs. @param blocks in the order of the file */
export function* renderBlocks(
  blocks: Iterable<{ readonly pipeline: Pipeline; readonly rows: Iterable<Row> }>,
  look: Look,
): Generator<string, void> {
  let separator = "";
  for (const { pipeline, rows } of blocks) {
    const { note } = pipeline;
    const zone = pipeline.timezone === undefined ? "" : `, ${pipeline.timezone}`;
    yield `${separator}${look.paint.strong(entryLabel(pipeline))}${note === undefined ? "" : `: ${oneLine(note)}`}\n`;
    yield `${cronWords(pipeline)}  ${look.paint.faint(`(${pipeline.crons.map(({ text }) => text).join("; ")}${zone})`)}\n`;
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

/** When: on the zone's clocks, which zone where there are several, in UTC, and how far from now. */
function timeColumns({ pipelines, machineZone, now, paint }: Look): readonly Column[] {
  const zones = new Set(pipelines.map((pipeline) => zoneOf(pipeline, machineZone)));
  const fromNow = column("FROM NOW", 14, ({ at }) => renderRelative(at, now), paint.faint);
  if (zones.size === 1 && zones.has("UTC")) return [column("TIME IN UTC", 17, ({ at }) => renderMinute(at)), fromNow];
  const zone = column("ZONE", widest([...zones, "ZONE"]), (row) => row.zone);
  return [
    column("LOCAL TIME", 23, ({ at, offset, offsetIsNew }) => {
      return renderWall(at, offset) + (offsetIsNew ? ` ${renderOffset(offset)}` : "");
    }),
    ...(zones.size > 1 ? [zone] : []),
    column("UTC", 12, ({ at, offset }) => renderUtcBeside(at, offset)),
    fromNow,
  ];
}

/** Many pipelines run in one minute: what that minute looks like is worked out once. */
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

/** Which pipeline, and its note: the same at each of its runs. @param used by the columns before them */
function pipelineColumns({ pipelines, width = UNLIMITED, paint }: Look, used: number): readonly Column[] {
  const labelWidth = widest([...pipelines.map(entryLabel), "PIPELINE"]);
  const left = width - used - labelWidth - GAP.length;
  const label = perPipeline("PIPELINE", labelWidth, pipelines, (one) => padText(entryLabel(one), labelWidth));
  if (left < LEAST_WIDTH) return [label];
  return [label, perPipeline("NOTE", 0, pipelines, (one) => paint.faint(fitText(noteAndWords(one), left)))];
}

function perPipeline(head: string, width: number, all: readonly Pipeline[], text: (one: Pipeline) => string): Column {
  const texts = new Map(all.map((pipeline) => [pipeline, text(pipeline)]));
  return { head, width, cell: ({ pipeline }) => texts.get(pipeline) ?? "" };
}

const asIs = (text: string): string => text;
const UNLIMITED = Number.POSITIVE_INFINITY;
/** Of a note: less of it says nothing. */
const LEAST_WIDTH = 10;
const GAP = "  ";

const widest = (texts: readonly string[]): number => Math.max(...texts.map(textWidth));

const widthOf = (columns: readonly Column[]): number => columns.reduce((sum, { width }) => sum + width + GAP.length, 0);

function headLine(columns: readonly Column[], { paint }: Look): string {
  const cells = columns.map(({ head, width }) => padText(head, width));
  return `${paint.strong(cells.join(GAP).trimEnd())}\n`;
}

function renderRow(row: Row, columns: readonly Column[], { paint }: Look): string {
  if (row.kind === "change") return `${paint.warning(changeWords(row))}\n`;
  let line = "";
  for (const { cell } of columns) line += line === "" ? cell(row) : GAP + cell(row);
  return `${line.trimEnd()}\n`;
}

/** `── Europe/London: the clocks go back 1 h at 2026-10-25 01:00Z: 02:00 +01:00 becomes 01:00 +00:00` */
function changeWords({ at, zone, before, after }: ChangeRow): string {
  const size = renderRelative(Math.abs(after - before), 0).replace("in ", "");
  const way = after > before ? `forward ${size}` : `back ${size}`;
  const clock = (offset: number) => `${renderWall(at, offset).slice(-5)} ${renderOffset(offset)}`;
  return `── ${zone}: the clocks go ${way} at ${renderMinute(at)}: ${clock(before)} becomes ${clock(after)}`;
}

/** The times in words, told once each. */
const cronWords = ({ crons }: Pipeline): string => [...new Set(crons.map(describeCron))].join("; ");

/** The user's note on one line, and the times in words behind it where they do not say the same. */
function noteAndWords(pipeline: Pipeline): string {
  const words = cronWords(pipeline);
  const note = pipeline.note === undefined ? "" : oneLine(pipeline.note);
  if (note === "") return words;
  return note.toLowerCase().includes(words.toLowerCase()) ? note : `${note} (${words})`;
}

const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, " ").trim();
