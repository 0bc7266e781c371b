import type { Place } from "./schedule.ts";

/**
 * From offsets in a text to lines and columns. (The YAML library has a `LineCounter`; it misses the lines of a block
 * text that stands where it must not.)
 */
export function placesIn(text: string): (offset: number) => Place {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (offset) => {
    const inside = Math.min(offset, text.length);
    let low = 0;
    let high = starts.length;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= inside) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: inside - (starts[low] ?? 0) + 1 };
  };
}
