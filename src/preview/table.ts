import { entryLabel } from "../command/request.ts";
import { describeCron } from "../cron/words.ts";
import { renderMinute } from "../instants.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { fitText, padText, textWidth } from "../text-width.ts";
import { renderOffset, renderUtcBeside, renderWall } from "./local-time.ts";
import type { Paint } from "./paint.ts";
import { renderRelative } from "./relative.ts";
import type { ChangeRow, Row, RunRow } from "./rows.ts";
import { zoneOf } from "./upcoming.ts";

/** How rows are to look. */
export interface Look {
  readonly pipelines: readonly Pipeline[];
  readonly machineZone: string;
  readonly now: number;
  /** Of the terminal; notes are cut to it. `undefined`: nothing is cut. */
  readonly width: number | undefined;
  readonly paint: Paint;
}

interface Column {
  readonly head: string;
  /** Columns of the terminal; the last column has none. */
  readonly width?: number;
  readonly cell: (row: RunRow) => string;
  readonly isFaint?: boolean;
}

const NO_RUNS = "No pipeline runs in this time.\n";

/** A table of runs, line by line as they come: widths go by all pipelines shown, so nothing waits for the last run. */
export function* renderTable(rows: Iterable<Row>, look: Look): Generator<string, void> {
  const columns = [...timeColumns(look), ...pipelineColumns(look)];
  let isEmpty = true;
  for (const row of rows) {
    if (isEmpty) yield headLine(columns, look);
    isEmpty = false;
    yield renderRow(row, columns, look);
  }
  if (isEmpty) yield NO_RUNS;
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
    if (isEmpty) yield "  no run in this time\n";
    separator = "\n";
  }
}

/** When: on the zone's clocks, which zone where there are several, in UTC, and how far from now. */
function timeColumns({ pipelines, machineZone, now }: Look): readonly Column[] {
  const zones = new Set(pipelines.map((pipeline) => zoneOf(pipeline, machineZone)));
  const from = { head: "FROM NOW", width: 14, cell: ({ at }: RunRow) => renderRelative(at, now), isFaint: true };
  if (zones.size === 1 && zones.has("UTC")) {
    return [{ head: "TIME IN UTC", width: 17, cell: ({ at }) => renderMinute(at) }, from];
  }
  const local: Column = {
    head: "LOCAL TIME",
    width: 23,
    cell: ({ at, offset, offsetIsNew }) => renderWall(at, offset) + (offsetIsNew ? ` ${renderOffset(offset)}` : ""),
  };
  const zone: Column = { head: "ZONE", width: widest([...zones, "ZONE"]), cell: (row) => row.zone };
  const utc: Column = { head: "UTC", width: 12, cell: ({ at, offset }) => renderUtcBeside(at, offset) };
  return [local, ...(zones.size > 1 ? [zone] : []), utc, from];
}

function pipelineColumns({ pipelines }: Look): readonly Column[] {
  const labels = new Map(pipelines.map((pipeline) => [pipeline, entryLabel(pipeline)]));
  const notes = new Map(pipelines.map((pipeline) => [pipeline, noteAndWords(pipeline)]));
  return [
    {
      head: "PIPELINE",
      width: widest([...labels.values(), "PIPELINE"]),
      cell: ({ pipeline }) => labels.get(pipeline) ?? "",
    },
    { head: "NOTE", cell: ({ pipeline }) => notes.get(pipeline) ?? "", isFaint: true },
  ];
}

const widest = (texts: readonly string[]): number => Math.max(...texts.map(textWidth));

function headLine(columns: readonly Column[], look: Look): string {
  const cells = columns.map(({ head }) => head);
  return `${look.paint.strong(joinCells(cells, columns, look).join("").trimEnd())}\n`;
}

function renderRow(row: Row, columns: readonly Column[], look: Look): string {
  if (row.kind === "change") return `${look.paint.warning(changeWords(row))}\n`;
  const cells = joinCells(
    columns.map(({ cell }) => cell(row)),
    columns,
    look,
  );
  const painted = cells.map((cell, index) =>
    columns[index]?.isFaint === true && cell !== "" ? look.paint.faint(cell) : cell,
  );
  return `${painted.join("").trimEnd()}\n`;
}

const UNLIMITED = Number.POSITIVE_INFINITY;
/** Of a note: less of it says nothing. */
const LEAST_WIDTH = 10;

/** Cells as wide as their columns, two blanks between them; the last is cut to the terminal, and has none behind it. */
function joinCells(
  cells: readonly string[],
  columns: readonly Column[],
  { width = UNLIMITED }: Look,
): readonly string[] {
  const used = columns.reduce((sum, { width: own = 0 }) => sum + own, 2 * (columns.length - 1));
  return cells.map((cell, index) => {
    const own = columns[index]?.width;
    if (own === undefined) return width - used < LEAST_WIDTH ? "" : fitText(cell, width - used);
    return index === columns.length - 1 ? cell : `${padText(cell, own)}  `;
  });
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
