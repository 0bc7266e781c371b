import { scopeLabel } from "../../pipeline-id.ts";
import { type Pauses, renderPause, resumeCommand, type ScopedPause } from "../../run/policies/pauses.ts";

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
