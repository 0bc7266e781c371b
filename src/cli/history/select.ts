import { UsageError } from "../../errors.ts";
import type { HistoryFilter } from "../../history/read.ts";
import { OUTCOMES, type OutcomeKind } from "../../history/record.ts";
import { parseDuration, ValueError } from "../../schedule/values.ts";
import { nearestWord } from "../../text/suggest.ts";
import { readInstant } from "../preview/window.ts";

/** The options that select records. */
export interface SelectFlags {
  readonly tap?: string;
  readonly target?: string;
  readonly host?: string;
  readonly outcome?: readonly OutcomeKind[];
  readonly since?: string;
  readonly until?: string;
  readonly limit?: number;
}

/** Parses the value of `--outcome`. */
export function parseOutcomes(text: string): readonly OutcomeKind[] {
  return text.split(",").map((word) => {
    const known = OUTCOMES.find((outcome) => outcome === word);
    if (known !== undefined) return known;
    const near = nearestWord(word, OUTCOMES);
    throw new UsageError(
      `--outcome: unknown outcome ${JSON.stringify(word)}${near === undefined ? "" : `; did you mean ${near}?`}`,
      `Use ${OUTCOMES.join(", ")}; separate several by commas.`,
    );
  });
}

/** Parses the value of `--limit`. */
export function parseLimit(text: string): number {
  if (text === "all") return Number.POSITIVE_INFINITY;
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit > 0) return limit;
  throw new UsageError(
    `--limit: ${JSON.stringify(text)} is not a number of rows`,
    "Give a positive whole number, or all, such as: --limit 20",
  );
}

/** Longest time back that `--since` and `--until` accept as a duration. */
const LONGEST = "3650d";

const TIME_HINT = "Write an instant, such as 2026-10-25T00:00Z, or a duration before now, such as 24h or 7d.";

/** An instant, or the time that lies this long before now. */
function readTime(flag: string, text: string | undefined, now: Date): string | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+[a-z]$/.test(text)) return new Date(readInstant(flag, text, TIME_HINT)).toISOString();
  try {
    return new Date(now.getTime() - parseDuration(text, { most: LONGEST })).toISOString();
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new UsageError(`${flag}: ${error.message}`, TIME_HINT);
  }
}

const DEFAULT_LIMIT = 20;

/** The selected records and their number. @throws UsageError */
export function readSelection(
  { tap, target, host, outcome, since, until, limit }: SelectFlags,
  now: Date,
): { readonly filter: HistoryFilter; readonly limit: number } {
  const [from, to] = [readTime("--since", since, now), readTime("--until", until, now)];
  if (from !== undefined && to !== undefined && to <= from) {
    throw new UsageError(`--until ${until} is not after --since ${since}`, "Give a later --until.");
  }
  return {
    filter: { tap, target, host, outcomes: outcome, since: from, until: to },
    limit: limit ?? (from === undefined ? DEFAULT_LIMIT : Number.POSITIVE_INFINITY),
  };
}
