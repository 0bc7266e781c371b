/** How many letters must be added, dropped, changed or swapped with their neighbour until `from` is `to`. */
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

/** Longer words are no slips of the pen. */
const LONGEST = 40;

/** The one of `words` that is nearest to the mistyped `word`; `undefined` if none is near. */
export function nearestWord(word: string, words: readonly string[]): string | undefined {
  if (word.length > LONGEST) return undefined;
  const plain = (text: string): string => text.toLowerCase().replaceAll("-", "_");
  const reach = Math.max(1, Math.floor(word.length / 3));
  const ranked = words
    .map((known) => ({ known, away: editDistance(plain(word), plain(known)) }))
    .filter(({ away }) => away <= reach)
    .sort((one, other) => one.away - other.away);
  return ranked[0]?.known;
}
