import { type RetryPolicy, retryDelayMs } from "../policies.ts";
import { renderDuration, renderMinute } from "../text/format-time.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { LintOptions } from "./lint.ts";
import { listRuns } from "./list-runs.ts";
import type { Pipeline } from "./schedule.ts";

interface Interval {
  readonly from: number;
  readonly ms: number;
}

/** The shortest time between two runs of an entry; `undefined` if it runs only once. */
function findShortestInterval(pipeline: Pipeline, options: LintOptions): Interval | undefined {
  const runs = listRuns(pipeline, options);
  let shortest: Interval | undefined;
  for (const [index, at] of runs.entries()) {
    const from = runs[index - 1] ?? at;
    if (at > from && at - from < (shortest?.ms ?? Number.POSITIVE_INFINITY)) shortest = { from, ms: at - from };
  }
  return shortest;
}

function checkRetries(retries: RetryPolicy, { from, ms }: Interval): Pick<Diagnostic, "message" | "hint"> | undefined {
  const waits = Array.from({ length: retries.max }, (_, index) => retryDelayMs(retries, index + 1));
  const sums = waits.map((_, index) => waits.slice(0, index + 1).reduce((sum, wait) => sum + wait, 0));
  const fitting = sums.filter((sum) => sum < ms).length;
  if (fitting === retries.max) return undefined;
  const sum = `${waits.map(renderDuration).join(" + ")}${waits.length === 1 ? "" : ` = ${renderDuration(sums.at(-1) ?? 0)}`}`;
  const next = `${renderDuration(ms)} (${renderMinute(from)} to ${renderMinute(from + ms)})`;
  return {
    message: `the retries wait ${sum}, but the pipeline may be due again after ${next}: then at most ${fitting} of ${retries.max} can start`,
    hint: "Write a shorter delay or max_delay, or a lower max. No attempt starts after the pipeline is due again.",
  };
}

/** Warnings about retry policies whose attempts cannot all start before the next run, at most one per pipeline. */
export function lintRetries(pipelines: readonly Pipeline[], options: LintOptions): readonly Diagnostic[] {
  return pipelines.flatMap((pipeline, index) => {
    const retries = pipeline.policies?.retries;
    const interval = retries && findShortestInterval(pipeline, options);
    const warning = interval && checkRetries(retries, interval);
    return warning === undefined ? [] : [{ path: ["pipelines", index, "retries"], severity: "warning", ...warning }];
  });
}
