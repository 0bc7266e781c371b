import { OUTCOMES, type OutcomeKind } from "../../history/record.ts";
import { renderDuration } from "../../text/format-time.ts";
import type { HistoryRow } from "./rows.ts";

/** Counts the rows that were shown. */
export interface HistorySummary {
  add(rows: readonly HistoryRow[]): void;
  /** Such as `6 succeeded, 1 failed, 24 skipped. Runs that succeeded took 2 min (p50) and 3 min (p95).` */
  render(): string;
}

/** @param share from 0 to 1 @param sorted not empty */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

export function summarizeHistory(): HistorySummary {
  const counts = new Map<OutcomeKind, number>();
  const durations: number[] = [];
  return {
    add(rows) {
      for (const { record, count } of rows) {
        counts.set(record.outcome, (counts.get(record.outcome) ?? 0) + count);
        if (record.outcome === "succeeded") durations.push(Date.parse(record.endedAt) - Date.parse(record.startedAt));
      }
    },
    render() {
      const parts = OUTCOMES.flatMap((outcome) => {
        const count = counts.get(outcome);
        return count === undefined ? [] : [`${count} ${outcome}`];
      });
      const text = `${parts.join(", ")}.`;
      if (durations.length < 2) return text;
      const sorted = durations.sort((one, other) => one - other);
      const [middle, high] = [percentile(sorted, 0.5), percentile(sorted, 0.95)].map(renderDuration);
      return `${text} Runs that succeeded took ${middle} (p50) and ${high} (p95).`;
    },
  };
}
