import { entryPath } from "../pipeline-id.ts";
import { renderDuration, renderMinute } from "../text/format-time.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { LintOptions } from "./lint.ts";
import { listRuns } from "./list-runs.ts";
import type { Pipeline } from "./schedule.ts";

/** The longest time between two runs of an entry; `undefined` if it runs at most once. */
function findLongestInterval(pipeline: Pipeline, options: LintOptions) {
  const runs = listRuns(pipeline, options);
  let longest: { readonly from: number; readonly ms: number } | undefined;
  for (const [index, at] of runs.entries()) {
    const from = runs[index - 1] ?? at;
    if (at - from > (longest?.ms ?? 0)) longest = { from, ms: at - from };
  }
  return longest;
}

/**
 * Warnings about entries that would be late although every run succeeds, because `fresh_within` is shorter than their
 * longest interval and a typical run.
 *
 * @param typicalRuns duration of a typical run in milliseconds, by `entryPath`; an entry without one counts as 0
 */
export function lintFreshness(
  pipelines: readonly Pipeline[],
  options: LintOptions,
  typicalRuns: ReadonlyMap<string, number>,
): readonly Diagnostic[] {
  return pipelines.flatMap((pipeline, index): readonly Diagnostic[] => {
    const freshWithinMs = pipeline.policies?.freshWithinMs;
    const interval = freshWithinMs === undefined ? undefined : findLongestInterval(pipeline, options);
    if (freshWithinMs === undefined || interval === undefined) return [];
    const { from, ms } = interval;
    const runMs = typicalRuns.get(entryPath(pipeline)) ?? 0;
    if (freshWithinMs >= ms + runMs) return [];
    const run = runMs === 0 ? "" : `, and a typical run takes ${renderDuration(runMs)}`;
    const message = `the pipeline would be late although each run succeeds: fresh_within is ${renderDuration(freshWithinMs)}, but up to ${renderDuration(ms)} pass between two runs (${renderMinute(from)} to ${renderMinute(from + ms)})${run}`;
    const hint = `Write a fresh_within that is longer than ${renderDuration(ms + runMs)}, or more times.`;
    return [{ path: ["pipelines", index, "fresh_within"], severity: "warning", message, hint }];
  });
}
