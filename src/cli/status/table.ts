import { DEFAULT_COMMAND, entryLabel } from "../../pipeline-id.ts";
import type { Paint } from "../../text/colors.ts";
import { type Column as ColumnOf, fitColumns, wholeLayout } from "../../text/fit-columns.ts";
import { renderLine } from "../../text/table.ts";
import { truncate } from "../../text/width.ts";
import {
  describeLast,
  describeLastShort,
  describeNext,
  describeRunning,
  describeSchedule,
  describeState,
  isLate,
} from "./cells.ts";
import type { PipelinewiseRow } from "./pipelinewise.ts";
import { RECENT_HEAD, renderLegend, renderRecent } from "./recent.ts";
import { isBad, isRowOverdue, type StatusRow } from "./rows.ts";

/** How the table is rendered. */
export interface StatusStyle {
  /** Columns of the terminal; `undefined`: all columns are shown, and nothing is shortened. */
  readonly width: number | undefined;
  readonly paint: Paint;
  readonly now: Date;
}

interface Column extends ColumnOf<StatusRow> {
  /** Whether a row needs attention because of this column. */
  readonly isWarning?: (row: StatusRow) => boolean;
}

const ofPipelinewise = (head: string, field: keyof PipelinewiseRow): Column => ({
  head,
  cell: ({ pipelinewise }) => pipelinewise?.[field] ?? "",
});

const TAP: Column = { head: "Tap ID", cell: ({ tap }) => tap };
const TARGET: Column = { head: "Target ID", cell: ({ target }) => target };
const PIPELINE: Column = {
  head: "Pipeline",
  cell: ({ tap, target, scheduled }) => entryLabel(scheduled?.entry ?? { tap, target, command: DEFAULT_COMMAND }),
};
const OF_PIPELINEWISE: readonly Column[] = [
  ofPipelinewise("Enabled", "enabled"),
  ofPipelinewise("Status", "status"),
  ofPipelinewise("Last Sync", "lastSync"),
  ofPipelinewise("Last Sync Result", "lastSyncResult"),
];
const SCHEDULE: Column = {
  head: "Schedule",
  cell: ({ scheduled }) => (scheduled === undefined ? "not scheduled" : describeSchedule(scheduled)),
};
const SCHEDULER: Column = { head: "Scheduler", cell: ({ scheduled }) => scheduled?.schedulers.join(", ") ?? "" };
const NEXT: Column = { head: "Next run", cell: describeNext };
const RECENT: Column = { head: RECENT_HEAD, cell: ({ recent }) => renderRecent(recent) };

/** PipelineWise's columns unchanged, then the columns of this program with times in UTC. */
const allColumns = (now: Date): readonly Column[] => [
  TAP,
  ofPipelinewise("Tap Type", "tapType"),
  TARGET,
  ofPipelinewise("Target Type", "targetType"),
  ...OF_PIPELINEWISE,
  SCHEDULE,
  SCHEDULER,
  NEXT,
  {
    head: "Last outcome",
    cell: (row) => describeLast(row, now),
    isWarning: (row) => isBad(row.lastRun) || isLate(row),
  },
  RECENT,
  { head: "Running since", cell: (row) => describeRunning(row, now), isWarning: (row) => isRowOverdue(row, now) },
];

/** From many columns to few. */
function columnSets(now: Date): readonly (readonly Column[])[] {
  const state: Column = {
    head: "State",
    cell: (row) => describeState(row, now),
    isWarning: (row) => isRowOverdue(row, now) || isLate(row),
  };
  const last: Column = {
    head: "Last outcome",
    cell: (row) => describeLastShort(row, now),
    isWarning: ({ lastRun }) => isBad(lastRun),
  };
  return [
    allColumns(now),
    [PIPELINE, ...OF_PIPELINEWISE, SCHEDULE, SCHEDULER, state, last, RECENT],
    [PIPELINE, SCHEDULE, state, last, RECENT],
    [{ ...PIPELINE, least: 18 }, { ...state, least: 14 }, last, RECENT],
    [{ ...PIPELINE, least: 12 }, { ...state, least: 12 }, last],
  ];
}

/** The status as a table, and lines that explain the characters of the last outcomes. */
export function renderStatus(rows: readonly StatusRow[], { width, paint, now }: StatusStyle): string {
  const { columns, widths } =
    width === undefined ? wholeLayout(allColumns(now), rows) : fitColumns(columnSets(now), rows, width);
  const head = renderLine(
    columns.map((column) => column.head),
    widths,
  );
  const ruler = renderLine(
    widths.map((one) => "-".repeat(one)),
    widths,
  );
  const lines = rows.map((row) => {
    const cells = columns.map(({ cell, isWarning }, index) => {
      const text = width === undefined ? cell(row) : truncate(cell(row), widths[index] ?? 0);
      return isWarning?.(row) === true ? paint.warning(text) : text;
    });
    return renderLine(cells, widths);
  });
  const legend = columns.includes(RECENT) ? renderLegend(rows.map(({ recent }) => recent)) : "";
  return `${paint.strong(head.trimEnd())}\n${ruler}${lines.join("")}${legend === "" ? "" : `\n${legend}`}`;
}
