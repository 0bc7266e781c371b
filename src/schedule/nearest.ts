/** Letters to add, drop, change or swap with the neighbour until `a` is `b`. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const changed = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : changed;
      row.push(Math.min(changed, swapped, at(i - 1, j) + 1, (row[j - 1] ?? 0) + 1));
    }
  }
  return at(a.length, b.length);
}

/** The one of `words` that somebody who wrote `word` most likely meant; `undefined` when none is near. */
export function nearestWord(word: string, words: readonly string[]): string | undefined {
  if (word.length > 40) return undefined;
  const plain = (text: string): string => text.toLowerCase().replaceAll("-", "_");
  const reach = Math.max(1, Math.floor(word.length / 3));
  const ranked = words
    .map((known) => ({ known, away: distance(plain(word), plain(known)) }))
    .filter(({ away }) => away <= reach)
    .sort((one, other) => one.away - other.away);
  return ranked[0]?.known;
}
