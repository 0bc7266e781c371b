import type { Daemon } from "../cron/daemons.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { plannedTimes, type Window } from "./upcoming.ts";

/** A start that one daemon makes and the other does not. */
export interface Difference {
  readonly pipeline: Pipeline;
  readonly at: number;
  readonly only: Daemon;
}

/**
 * Where two daemons start pipelines differently in one window, pipeline by pipeline. With a count, each pipeline is
 * looked at up to the last of its runs that is shown. Lazy.
 *
 * @param window its daemon is the one whose runs are shown
 */
export function* differences(
  pipelines: readonly Pipeline[],
  window: Window & { readonly daemon: Daemon },
  other: Daemon,
): Generator<Difference, void> {
  for (const pipeline of pipelines) {
    const { count: _all, ...whole } = { ...window, to: endOf(pipeline, window) };
    const [ours, theirs] = [window.daemon, other].map((daemon) =>
      plannedTimes(pipeline, { ...whole, daemon })[Symbol.iterator](),
    );
    if (ours === undefined || theirs === undefined) return;
    let [one, two] = [ours.next(), theirs.next()];
    while (one.done !== true || two.done !== true) {
      const [here, there] = [one.done === true ? Infinity : one.value, two.done === true ? Infinity : two.value];
      if (here !== there) yield { pipeline, at: Math.min(here, there), only: here < there ? window.daemon : other };
      if (here <= there) one = ours.next();
      if (there <= here) two = theirs.next();
    }
  }
}

/** Exclusive. */
function endOf(pipeline: Pipeline, window: Window): number {
  if (window.count === undefined) return window.to ?? Number.POSITIVE_INFINITY;
  let last = window.from - 1;
  for (const at of plannedTimes(pipeline, window)) last = at;
  return last + 1;
}
