import type { Daemon } from "../cron/daemons.ts";
import { entryLabel } from "../pipeline-id.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { padText, textWidth } from "../text/width.ts";
import { renderBoth } from "./table.ts";
import { plannedTimes, timesKey, type Window, zoneOf } from "./upcoming.ts";

/** A start that one daemon makes and the other does not. */
export interface Difference {
  readonly pipeline: Pipeline;
  readonly at: number;
  readonly only: Daemon;
}

type Start = Omit<Difference, "pipeline">;
type Comparison = Window & { readonly daemon: Daemon };

/**
 * Where two daemons start pipelines differently in one window, pipeline by pipeline. With a count, each pipeline is
 * looked at up to the last of its runs that is shown.
 *
 * @param window its daemon is the one whose runs are shown
 */
export function* differences(
  pipelines: readonly Pipeline[],
  window: Comparison,
  other: Daemon,
): Generator<Difference, void> {
  const known = new Map<string, readonly Start[]>();
  for (const pipeline of pipelines) {
    const key = timesKey(pipeline, window.machineZone);
    const starts = known.get(key) ?? [...differingStarts(pipeline, window, other)];
    known.set(key, starts);
    for (const start of starts) yield { pipeline, ...start };
  }
}

function* differingStarts(pipeline: Pipeline, window: Comparison, other: Daemon): Generator<Start, void> {
  const whole = { ...window, to: endOf(pipeline, window), count: undefined };
  const ours = plannedTimes(pipeline, whole)[Symbol.iterator]();
  const theirs = plannedTimes(pipeline, { ...whole, daemon: other })[Symbol.iterator]();
  let [here, there] = [nextOf(ours), nextOf(theirs)];
  while (here !== there || here !== NEVER) {
    const at = Math.min(here, there);
    if (here !== there) yield { at, only: here < there ? window.daemon : other };
    if (here === at) here = nextOf(ours);
    if (there === at) there = nextOf(theirs);
  }
}

const NEVER = Number.POSITIVE_INFINITY;

function nextOf(times: Iterator<number>): number {
  const { done, value } = times.next();
  return done === true ? NEVER : value;
}

/** Exclusive. */
function endOf(pipeline: Pipeline, window: Window): number {
  if (window.count === undefined) return window.to ?? NEVER;
  let last = window.from - 1;
  for (const at of plannedTimes(pipeline, window)) last = at;
  return last + 1;
}

/** More are counted only. */
const MOST = 100;

/** Where two daemons differ, a line for each start; a sentence where they do not. */
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
  const width = Math.max(...pipelines.map((pipeline) => textWidth(entryLabel(pipeline))));
  let count = 0;
  for (const { pipeline, at, only } of all) {
    if (count === 0) yield `Here ${daemon} differs from ${other}:\n`;
    count++;
    if (count > MOST) continue;
    yield `  ${padText(entryLabel(pipeline), width)}  ${renderBoth(at, zoneOf(pipeline, machineZone))}  only ${only} starts it\n`;
  }
  if (count === 0) yield `In this period ${daemon} starts every pipeline at the same times as ${other}.\n`;
  if (count > MOST) yield `  … and ${count - MOST} more\n`;
}
