import { entryOf } from "../../history/store.ts";
import { entryLabel } from "../../pipeline-id.ts";
import type { Paint } from "../../text/colors.ts";
import { type Column as ColumnOf, fitColumns, type Layout, lengthOf, wholeLayout } from "../../text/fit-columns.ts";
import { renderDuration, renderInstant, renderMinute } from "../../text/format-time.ts";
import { COLUMN_GAP, renderLine } from "../../text/table.ts";
import { truncate } from "../../text/width.ts";
import type { HistoryRow } from "./rows.ts";

/** How the table of a history is rendered. */
export interface HistoryStyle {
  /** Columns of the terminal; `undefined`: no column is left out for its width, and nothing is shortened. */
  readonly width: number | undefined;
  /** Whether the path of the log is shown. */
  readonly hasLog: boolean;
  readonly paint: Paint;
}

type Column = ColumnOf<HistoryRow>;

const STARTED: Column = { head: "Started", cell: (row) => renderStarted(row, renderInstant) };
/** Without the year and the seconds. */
const STARTED_SHORT: Column = { head: "Started", cell: (row) => renderStarted(row, (at) => renderMinute(at).slice(5)) };
const PIPELINE: Column = { head: "Pipeline", cell: ({ record }) => entryLabel(entryOf(record)) };
const OUTCOME: Column = { head: "Outcome", cell: renderOutcome };
const TOOK: Column = { head: "Took", cell: renderTook };
const HOST: Column = {
  head: "Host",
  cell: ({ hosts }) => (hosts.size > 1 ? `${hosts.size} hosts` : [...hosts].join()),
};
const RUN: Column = { head: "Run", cell: ({ record, count }) => (count > 1 ? "" : record.id) };
const DETAIL: Column = { head: "Detail", cell: ({ record }) => record.detail ?? "" };
const LOG: Column = { head: "Log", cell: ({ record }) => record.log ?? "" };

const ALL: readonly Column[] = [STARTED, PIPELINE, OUTCOME, TOOK, HOST, RUN];
/** From many columns to few. */
const SETS: readonly (readonly Column[])[] = [
  ALL,
  [STARTED, PIPELINE, OUTCOME, TOOK, HOST],
  [STARTED, PIPELINE, OUTCOME, TOOK],
  [STARTED_SHORT, { ...PIPELINE, least: 24 }, OUTCOME, TOOK],
  [STARTED_SHORT, { ...PIPELINE, least: 12 }, OUTCOME],
];
/** A narrower detail would be too short to be useful. */
const LEAST_DETAIL = 20;

/** Such as `2026-11-23 08:05–08:55Z` for skips, with both dates if they differ. */
function renderStarted({ record, count, from, to }: HistoryRow, render: (at: string) => string): string {
  if (count === 1) return render(record.startedAt);
  // In a row of several starts, minutes are precise enough.
  const toMinute = (at: string): string => render(at).replace(/(\d\d:\d\d):\d\dZ$/, "$1Z");
  const [first, last] = [toMinute(from), toMinute(to)];
  if (first === last) return first;
  const [date = "", time = ""] = last.split(" ");
  return `${first.slice(0, -1)}–${first.startsWith(date) ? time : last}`;
}

/** Such as `failed (exit code 1)`, `11 × skipped (overlap)` or `succeeded, 2 attempts`. */
function renderOutcome({ record, count }: HistoryRow): string {
  const { outcome, exitCode, attempts } = record;
  const reason =
    record.reason ?? (outcome === "failed" && exitCode !== undefined ? `exit code ${exitCode}` : undefined);
  const times = count > 1 ? `${count} × ` : "";
  const tries = attempts === undefined || attempts.length < 2 ? "" : `, ${attempts.length} attempts`;
  return `${times}${outcome}${reason === undefined ? "" : ` (${reason})`}${tries}`;
}

function renderTook({ record }: HistoryRow): string {
  if (record.outcome === "skipped") return "";
  return renderDuration(Date.parse(record.endedAt) - Date.parse(record.startedAt));
}

/** Chooses the columns. A detail fills what is left of a terminal's width. */
function chooseLayout(rows: readonly HistoryRow[], { width, hasLog }: HistoryStyle): Layout<Column> {
  if (width === undefined) return wholeLayout([...ALL, DETAIL, ...(hasLog ? [LOG] : [])], rows);
  const { columns, widths } = fitColumns(SETS, rows, width);
  const room = width - lengthOf(widths) - COLUMN_GAP.length;
  if (room < LEAST_DETAIL || rows.every((row) => DETAIL.cell(row) === "")) return { columns, widths };
  return { columns: [...columns, DETAIL], widths: [...widths, room] };
}

/**
 * Creates a function that renders one batch of rows after the other as one table. The first batch chooses the columns,
 * and later ones can only make them wider.
 */
export function historyTable(style: HistoryStyle): (rows: readonly HistoryRow[]) => string {
  const { width, paint } = style;
  let layout: Layout<Column> | undefined;
  const renderRow = (row: HistoryRow, { columns, widths }: Layout<Column>): string => {
    const cells = columns.map(({ cell }, index) =>
      width === undefined ? cell(row) : truncate(cell(row), widths[index] ?? 0),
    );
    const line = renderLine(cells, widths);
    if (row.record.outcome === "skipped") return `${paint.faint(line.trimEnd())}\n`;
    if (row.record.outcome === "succeeded") return line;
    const place = columns.indexOf(OUTCOME);
    return renderLine(
      cells.map((cell, index) => (index === place ? paint.warning(cell) : cell)),
      widths,
    );
  };
  return (rows) => {
    let text = "";
    if (layout === undefined) {
      layout = chooseLayout(rows, style);
      const { columns, widths } = layout;
      const heads = columns.map(({ head }) => head);
      text += `${paint.strong(renderLine(heads, widths).trimEnd())}\n`;
      text += renderLine(
        widths.map((one) => "-".repeat(one)),
        widths,
      );
    } else if (width === undefined) {
      const known = layout.widths;
      const grown = wholeLayout(layout.columns, rows).widths.map((one, index) => Math.max(one, known[index] ?? 0));
      layout = { ...layout, widths: grown };
    }
    const current = layout;
    return text + rows.map((row) => renderRow(row, current)).join("");
  };
}
