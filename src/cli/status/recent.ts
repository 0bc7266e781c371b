import { SchedError } from "../../errors.ts";
import { NO_OUTCOMES, RECENT, type RecentOutcomes, readRecentOutcomes } from "../../history/recent-outcomes.ts";
import { OUTCOMES, type OutcomeKind } from "../../history/record.ts";
import type { StatePaths } from "../../storage/paths.ts";

/** One character of ASCII for each outcome, so that every terminal and every font shows it. */
const SIGNS: Readonly<Record<OutcomeKind, string>> = {
  succeeded: ".",
  failed: "F",
  "timed-out": "T",
  stopped: "S",
  "lock-lost": "K",
  lost: "L",
  skipped: "-",
};

export const RECENT_HEAD = `Last ${RECENT}`;

/** Outcomes as one character each, such as `..F.-..`. */
export const renderRecent = (outcomes: readonly OutcomeKind[]): string =>
  outcomes.map((outcome) => SIGNS[outcome]).join("");

/** The lines that explain the characters that occur; empty if none does. */
export function renderLegend(all: readonly (readonly OutcomeKind[])[]): string {
  const found = new Set(all.flat());
  const parts = OUTCOMES.filter((outcome) => found.has(outcome)).map((outcome) => `${SIGNS[outcome]} ${outcome}`);
  return parts.length === 0 ? "" : `${RECENT_HEAD} outcomes, the oldest first:\n${parts.join("  ")}\n`;
}

/** The last outcomes of all entries. If the history cannot be read, the rest of the status is shown. */
export async function findRecent(
  paths: StatePaths,
): Promise<{ readonly recent: RecentOutcomes; readonly faults: readonly string[] }> {
  try {
    return { recent: await readRecentOutcomes(paths), faults: [] };
  } catch (error) {
    if (!(error instanceof SchedError)) throw error;
    return { recent: NO_OUTCOMES, faults: [`the last outcomes are unknown: ${error.message}`] };
  }
}
