import { type Daemon, runTimesOn } from "../cron/daemons.ts";
import { runTimes } from "../cron/next-runs.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";

/** A time, and the place of the source it came from. */
export interface Head {
  readonly source: number;
  readonly at: number;
}

/**
 * Sorted times of many sources as one sorted row; of equal times the earlier source's comes first. Lazy: a source is
 * asked for its next time only when its last one has been taken.
 */
export function* mergeTimes(sources: readonly Iterable<number>[]): Generator<Head, void> {
  const iterators = sources.map((source) => source[Symbol.iterator]());
  const heap: Head[] = [];
  iterators.forEach((iterator, source) => {
    const { done, value: at } = iterator.next();
    if (done !== true) heap.push({ source, at });
  });
  for (let root = (heap.length >> 1) - 1; root >= 0; root--) sink(heap, root);
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    yield top;
    const { done, value: at } = iterators[top.source]?.next() ?? { done: true, value: undefined };
    const last = done === true ? heap.pop() : { source: top.source, at };
    if (heap.length === 0 || last === undefined) return;
    heap[0] = last;
    sink(heap, 0);
  }
}

const isBefore = (one: Head, other: Head): boolean =>
  one.at < other.at || (one.at === other.at && one.source < other.source);

/** Lets the head at `root` down to its place in a binary heap. */
function sink(heap: Head[], root: number): void {
  const head = heap[root];
  if (head === undefined) return;
  let hole = root;
  for (;;) {
    let below = 2 * hole + 1;
    let child = heap[below];
    if (child === undefined) break;
    const right = heap[below + 1];
    if (right !== undefined && isBefore(right, child)) {
      child = right;
      below++;
    }
    if (!isBefore(child, head)) break;
    heap[hole] = child;
    hole = below;
  }
  heap[hole] = head;
}

/** A run to come. `at` in epoch milliseconds. */
export interface PlannedRun {
  readonly pipeline: Pipeline;
  readonly at: number;
}

/** Which runs are asked for. Instants in epoch milliseconds. */
export interface Window {
  /** For pipelines that name no zone of their own. */
  readonly machineZone: string;
  /** Inclusive. */
  readonly from: number;
  /** Exclusive; without it the runs have no end. */
  readonly to?: number | undefined;
  /** At most so many of each pipeline. */
  readonly count?: number | undefined;
  /** Whose starts; without it those of Debian's cron, which are when a pipeline is due. */
  readonly daemon?: Daemon | undefined;
}

/** The zone in which a pipeline's times are meant. */
export const zoneOf = ({ timezone }: Pipeline, machineZone: string): string => timezone ?? machineZone;

/**
 * The runs in a window, sorted by time, then in the order of the file. Lazy: times are computed when they are taken,
 * once for all pipelines that share them.
 *
 * Several cron expressions of a pipeline are one set of times: a minute that two of them name is one run.
 */
export function* plannedRuns({ pipelines }: Pick<Schedule, "pipelines">, window: Window): Generator<PlannedRun, void> {
  const groups = groupByTimes(pipelines, window.machineZone);
  const times = groups.map(([first]) => (first === undefined ? [] : plannedTimes(first.pipeline, window)));
  let due: readonly Member[] = [];
  let at = Number.NaN;
  for (const head of mergeTimes(times)) {
    const members = groups[head.source] ?? [];
    if (head.at === at) {
      due = [...due, ...members].sort((one, other) => one.place - other.place);
      continue;
    }
    for (const { pipeline } of due) yield { pipeline, at };
    due = members;
    at = head.at;
  }
  for (const { pipeline } of due) yield { pipeline, at };
}

/** A pipeline and its place in the file. */
interface Member {
  readonly pipeline: Pipeline;
  readonly place: number;
}

/** Pipelines that have the same crons in the same zone run at the same times. */
function groupByTimes(pipelines: readonly Pipeline[], machineZone: string): readonly (readonly Member[])[] {
  const groups = new Map<string, Member[]>();
  for (const [place, pipeline] of pipelines.entries()) {
    const key = timesKey(pipeline, machineZone);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ pipeline, place }]);
    else group.push({ pipeline, place });
  }
  return [...groups.values()];
}

/** The same for pipelines that run at the same times. */
export const timesKey = (pipeline: Pipeline, machineZone: string): string =>
  [zoneOf(pipeline, machineZone), ...pipeline.crons.map(({ text }) => text)].join("\n");

/** When one pipeline runs. */
export const plannedTimes = (pipeline: Pipeline, window: Window): Iterable<number> =>
  atMost(window.count, pipelineTimes(pipeline, window));

function pipelineTimes(pipeline: Pipeline, { from, to = Number.POSITIVE_INFINITY, machineZone, daemon }: Window) {
  const span = { zone: zoneOf(pipeline, machineZone), from, to };
  const [first, ...others] = pipeline.crons.map((cron) =>
    daemon === undefined ? runTimes(cron, span) : runTimesOn(daemon, cron, span),
  );
  if (first === undefined) return [];
  return others.length === 0 ? first : union([first, ...others]);
}

function* union(sources: readonly Iterable<number>[]): Generator<number, void> {
  let last: number | undefined;
  for (const { at } of mergeTimes(sources)) {
    if (at !== last) yield at;
    last = at;
  }
}

/** The first values of a row; all of them without a count. */
export function* atMost<T>(count: number | undefined, values: Iterable<T>): Generator<T, void> {
  let left = count ?? Number.POSITIVE_INFINITY;
  if (left <= 0) return;
  for (const value of values) {
    yield value;
    if (--left <= 0) return;
  }
}
