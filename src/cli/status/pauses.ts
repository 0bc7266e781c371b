import type { StoredEntry } from "../../installed/schedule.ts";
import { overlaps, type PipelineId, scopeLabel } from "../../pipeline-id.ts";
import { type Pauses, renderPause, resumeCommand, type ScopedPause } from "../../run/policies/pauses.ts";

/** Whether the schedule file pauses an entry. */
export const isDisabled = ({ policies }: Pick<StoredEntry, "policies">): boolean => policies?.enabled === false;

/** The pauses that cover a pipeline. */
export const pausesOf = (pauses: readonly ScopedPause[], pipeline: PipelineId): readonly ScopedPause[] =>
  pauses.filter(({ scope }) => overlaps(scope, pipeline));

/**
 * The time after which an entry may start: now, or the last millisecond of its pauses; `undefined` if no end is known.
 *
 * @param pauses of all pipelines
 */
export function startsAfter(entry: StoredEntry, { active, faults }: Pauses, now: Date): Date | undefined {
  if (isDisabled(entry) || faults.some(({ scope }) => overlaps(scope, entry))) return undefined;
  const ends = pausesOf(active, entry).map(({ until }) => (until === undefined ? Number.NaN : until.getTime() - 1));
  const last = Math.max(now.getTime(), ...ends);
  return Number.isNaN(last) ? undefined : new Date(last);
}

/** The errors with which starts end because a pause file cannot be read. */
export const pauseFaults = ({ faults }: Pauses): readonly string[] =>
  faults.map(({ error: { message, hint } }) => {
    return `starts are blocked: ${message}${hint === undefined ? "" : `. ${hint}`}`;
  });

/** The pauses, one per line below the table. */
export const renderPauses = (pauses: readonly ScopedPause[]): string =>
  pauses
    .map((pause) => {
      const { scope } = pause;
      return `Paused: ${scopeLabel(scope)} ${renderPause(pause)}; to resume: ${resumeCommand(scope)}\n`;
    })
    .join("");

/** A pause as JSON. */
export const pauseJson = ({ scope, by, reason, since, until }: ScopedPause) => ({
  tap: scope.tap ?? null,
  target: scope.target ?? null,
  by,
  reason: reason ?? null,
  since: since.toISOString(),
  until: until?.toISOString() ?? null,
});
