import type { Daemon } from "../cron/run-times.ts";
import { entryLabel } from "../pipeline-id.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { widest } from "../text/table.ts";
import { padText } from "../text/width.ts";
import { renderLocalAndUtc } from "./table.ts";
import { plannedTimes, timesKey, type Window, zoneOf } from "./upcoming.ts";

/** A start that only one of two daemons makes. */
export interface Difference {
  readonly pipeline: Pipeline;
  readonly at: number;
  readonly only: Daemon;
}

type Start = Omit<Difference, "pipeline">;
type Comparison = Window & { readonly daemon: Daemon };

/**
 * The starts that differ between two daemons, pipeline by pipeline. If the window has a count, each pipeline is compared
 * up to the last of its runs that is shown.
 *
 * @param window names the daemon whose runs are shown
 */
export function* differences(
  pipelines: readonly Pipeline[],
  window: Comparison,
  other: Daemon,
): Generator<Difference, void> {
  const known = new Map<string, readonly Start[]>();
  for (const pipeline of pipelines) {
    const key = timesKey(pipeline, window);
    const starts = known.get(key) ?? [...differingStarts(pipeline, window, other)];
    known.set(key, starts);
    for (const start of starts) yield { pipeline, ...start };
  }
}

function* differingStarts(pipeline: Pipeline, window: Comparison, other: Daemon): Generator<Start, void> {
  const whole = { ...window, to: endOf(pipeline, window), count: undefined };
  const shownTimes = plannedTimes(pipeline, whole)[Symbol.iterator]();
  const otherTimes = plannedTimes(pipeline, { ...whole, daemon: other })[Symbol.iterator]();
  let [nextShown, nextOther] = [nextOf(shownTimes), nextOf(otherTimes)];
  while (nextShown !== nextOther || nextShown !== NEVER) {
    const at = Math.min(nextShown, nextOther);
    if (nextShown !== nextOther) yield { at, only: nextShown < nextOther ? window.daemon : other };
    if (nextShown === at) nextShown = nextOf(shownTimes);
    if (nextOther === at) nextOther = nextOf(otherTimes);
  }
}

const NEVER = Number.POSITIVE_INFINITY;

function nextOf(times: Iterator<number>): number {
  const { done, value } = times.next();
  return done === true ? NEVER : value;
}

/** End of the comparison, exclusive. */
function endOf(pipeline: Pipeline, window: Window): number {
  if (window.count === undefined) return window.to ?? NEVER;
  let last = window.from - 1;
  for (const at of plannedTimes(pipeline, window)) last = at;
  return last + 1;
}

/** Further differences are only counted. */
const MAX_SHOWN = 100;

/** The differences of two daemons, one line for each start, or a sentence if there are none. */
export function* renderDifferences(
  all: Iterable<Difference>,
  {
    daemon,
    other,
    pipelines,
    machineZone,
  }: {
    readonly daemon: Daemon;
    readonly other: Daemon;
    readonly pipelines: readonly Pipeline[];
    readonly machineZone: string;
  },
): Generator<string, void> {
  const width = widest(pipelines.map(entryLabel));
  let count = 0;
  for (const { pipeline, at, only } of all) {
    if (count === 0) yield `Here ${daemon} differs from ${other}:\n`;
    count++;
    if (count > MAX_SHOWN) continue;
    yield `  ${padText(entryLabel(pipeline), width)}  ${renderLocalAndUtc(at, zoneOf(pipeline, machineZone))}  only ${only} starts it\n`;
  }
  if (count === 0) yield `In this period ${daemon} starts every pipeline at the same times as ${other}.\n`;
  if (count > MAX_SHOWN) yield `  … and ${count - MAX_SHOWN} more\n`;
}
