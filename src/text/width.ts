import stringWidth from "string-width";

let segmenter: Intl.Segmenter | undefined;

/** Characters that take one column each, with the signs of our own tables. */
const NARROW = /^[ -~→×–…]*$/;

/** Number of terminal columns that a text of one line takes. */
export const textWidth = (text: string): number => (NARROW.test(text) ? text.length : stringWidth(text));

/** Shortens a text to a number of columns, with `…` at its end if something is left out. */
export function truncate(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width < 1) return "";
  segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  let kept = "";
  let left = width - 1;
  for (const { segment } of segmenter.segment(text)) {
    left -= textWidth(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

/** Adds blanks to a text up to a number of columns. */
export const padText = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - textWidth(text)));
