import type { RunRecord } from "../history/record.ts";

/** How a run ended, in a word or two: `failed`, `skipped (overlap)`. */
export const outcomeWords = ({ outcome, reason }: RunRecord): string =>
  reason === undefined ? outcome : `${outcome} (${reason})`;
