import { COLUMN_GAP, widest } from "./table.ts";

/** A column of a table. */
export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string;
  /** Width to which its cells may be shortened; absent: they are never shortened. */
  readonly least?: number;
}

/** The columns of a table and their widths. */
export interface Layout<C> {
  readonly columns: readonly C[];
  readonly widths: readonly number[];
}

/** The layout in which each column is as wide as its widest cell. */
export const wholeLayout = <Row, C extends Column<Row>>(columns: readonly C[], rows: readonly Row[]): Layout<C> => ({
  columns,
  widths: columns.map(({ head, cell }) => widest([head, ...rows.map(cell)])),
});

/** Number of terminal columns that a table takes. */
export const lengthOf = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, 0) + COLUMN_GAP.length * (widths.length - 1);

/** The layout in which columns that may be shortened are, from left to right, until the table fits. */
function shortenedLayout<Row, C extends Column<Row>>(
  columns: readonly C[],
  rows: readonly Row[],
  width: number,
): Layout<C> {
  const whole = wholeLayout(columns, rows).widths;
  let over = Math.max(0, lengthOf(whole) - width);
  const widths = whole.map((one, index) => {
    const cut = Math.min(over, Math.max(0, one - (columns[index]?.least ?? one)));
    over -= cut;
    return one - cut;
  });
  return { columns, widths };
}

/**
 * Chooses the columns of a table for a terminal.
 *
 * @param sets from many columns to few. The first set that fits is used, or else the last one
 */
export function fitColumns<Row, C extends Column<Row>>(
  sets: readonly (readonly C[])[],
  rows: readonly Row[],
  width: number,
): Layout<C> {
  let layout: Layout<C> = { columns: [], widths: [] };
  for (const columns of sets) {
    layout = shortenedLayout(columns, rows, width);
    if (lengthOf(layout.widths) <= width) break;
  }
  return layout;
}
