import { editDistance } from "../edit-distance.ts";

/** Longer words are no slips of the pen. */
const LONGEST = 40;

/** The one of `words` that somebody who wrote `word` most likely meant; `undefined` when none is near. */
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
