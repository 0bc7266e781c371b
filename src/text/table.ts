/** Columns of text, two blanks between them, as wide as their widest cell; no frame, so that a line can be cut and searched. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map((name) => "-".repeat(lengthOf(name))), ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => lengthOf(line[column] ?? ""))));
  const ruled = lines.map((line, index) => (index === 1 ? widths.map((width) => "-".repeat(width)) : line));
  return ruled.map((line) => `${renderLine(line, widths)}\n`).join("");
}

/** In characters as they are seen, near enough for names, times and arrows. */
const lengthOf = (text: string): number => [...text].length;

const renderLine = (cells: readonly string[], widths: readonly number[]): string =>
  widths
    .map((width, column) => {
      const cell = cells[column] ?? "";
      return cell + " ".repeat(width - lengthOf(cell));
    })
    .join("  ")
    .trimEnd();
