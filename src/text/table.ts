import { padText, textWidth } from "./width.ts";

/** Blanks between two columns of a table. */
export const COLUMN_GAP = "  ";

export const widest = (texts: readonly string[]): number => Math.max(...texts.map(textWidth));

/** One line of a table. Cells are padded to the widths of their columns. */
export const renderLine = (cells: readonly string[], widths: readonly number[]): string =>
  `${widths
    .map((width, column) => padText(cells[column] ?? "", width))
    .join(COLUMN_GAP)
    .trimEnd()}\n`;

/** A table without a frame, so that its lines can be cut and searched. Each column is as wide as its widest cell. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) => widest([name, ...rows.map((row) => row[column] ?? "")]));
  const ruler = widths.map((width) => "-".repeat(width));
  return [head, ruler, ...rows].map((cells) => renderLine(cells, widths)).join("");
}
