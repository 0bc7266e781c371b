/**
 * The number of letters to insert, delete, replace or swap with their neighbour to turn one text into another
 * (Damerau-Levenshtein).
 */
export function editDistance(from: string, to: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const changed = (last[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swapped = isSwap ? (beforeLast[column - 2] ?? 0) + 1 : changed;
      current.push(Math.min(changed, swapped, (last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}

/** A longer text is not compared. */
const LONGEST = 40;

const plain = (text: string): string => text.toLowerCase().replaceAll("-", "_");

/** `retry` for `retries`, `table` for `tables`. */
const singular = (text: string): string => plain(text).replace(/ies$/, "y").replace(/s$/, "");

/**
 * The most similar of several texts to a mistyped one; `undefined` if none is similar. A plural is similar to its
 * singular.
 */
export function nearestWord(typed: string, candidates: readonly string[]): string | undefined {
  if (typed.length > LONGEST) return undefined;
  const maxDistance = Math.max(1, Math.floor(typed.length / 3));
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(plain(typed), plain(candidate)) }))
    .filter(({ candidate, distance }) => distance <= maxDistance || singular(typed) === singular(candidate))
    .sort((one, other) => one.distance - other.distance);
  return ranked[0]?.candidate;
}
