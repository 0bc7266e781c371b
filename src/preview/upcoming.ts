import { type Daemon, daemonRunTimes, runTimes } from "../cron/run-times.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";

/** A time, and the index of its source. */
export interface Head {
  readonly source: number;
  readonly at: number;
}

/**
 * Merges the sorted times of many sources. Equal times are in the order of their sources. Lazy: it asks a source for its
 * next time only when the consumer has taken the last one.
 */
export function* mergeTimes(sources: readonly Iterable<number>[]): Generator<Head, void> {
  const iterators = sources.map((source) => source[Symbol.iterator]());
  const heap: Head[] = [];
  iterators.forEach((iterator, source) => {
    const { done, value: at } = iterator.next();
    if (done !== true) heap.push({ source, at });
  });
  for (let root = (heap.length >> 1) - 1; root >= 0; root--) siftDown(heap, root);
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    yield top;
    const { done, value: at } = iterators[top.source]?.next() ?? { done: true, value: undefined };
    const last = done === true ? heap.pop() : { source: top.source, at };
    if (heap.length === 0 || last === undefined) return;
    heap[0] = last;
    siftDown(heap, 0);
  }
}

const isBefore = (one: Head, other: Head): boolean =>
  one.at < other.at || (one.at === other.at && one.source < other.source);

/** Moves the head at `root` down to its position in a binary heap. */
function siftDown(heap: Head[], root: number): void {
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

/** A future run. `at` is in epoch milliseconds. */
export interface PlannedRun {
  readonly pipeline: Pipeline;
  readonly at: number;
}

/** A time in which a pipeline is not started, in epoch milliseconds. */
export interface PausedTime {
  /** Inclusive. */
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** Selects runs. Instants are in epoch milliseconds. */
export interface Window {
  /** Zone of pipelines without a time zone. */
  readonly machineZone: string;
  /** Inclusive. */
  readonly from: number;
  /** Exclusive; default: no end. */
  readonly to?: number | undefined;
  /** Maximum number of runs of each pipeline. */
  readonly count?: number | undefined;
  /** The daemon that starts the runs; default: Debian's cron, which starts a pipeline exactly when it is due. */
  readonly daemon?: Daemon | undefined;
  /** The pipelines that are paused. Their starts in that time are left out. */
  readonly paused?: ReadonlyMap<Pipeline, PausedTime> | undefined;
}

/** The time zone of a pipeline's times. */
export const zoneOf = ({ timezone }: Pipeline, machineZone: string): string => timezone ?? machineZone;

/**
 * The runs in a window, sorted by time, then in the order of the file. Lazy: it computes times when the consumer takes
 * them, once for all pipelines that have the same times.
 *
 * If several cron expressions of a pipeline fire in the same minute, that is one run.
 */
export function* plannedRuns({ pipelines }: Pick<Schedule, "pipelines">, window: Window): Generator<PlannedRun, void> {
  const groups = groupByTimes(pipelines, window);
  const times = groups.map(([first]) => (first === undefined ? [] : plannedTimes(first.pipeline, window)));
  let due: readonly Member[] = [];
  let at = Number.NaN;
  for (const head of mergeTimes(times)) {
    const members = groups[head.source] ?? [];
    if (head.at === at) {
      due = [...due, ...members].sort((one, other) => one.index - other.index);
      continue;
    }
    for (const { pipeline } of due) yield { pipeline, at };
    due = members;
    at = head.at;
  }
  for (const { pipeline } of due) yield { pipeline, at };
}

/** A pipeline and its index in the file. */
interface Member {
  readonly pipeline: Pipeline;
  readonly index: number;
}

/**
 * Groups pipelines that run at the same times: those with the same cron expressions in the same zone and the same
 * pause.
 */
function groupByTimes(pipelines: readonly Pipeline[], window: Window): readonly (readonly Member[])[] {
  const groups = new Map<string, Member[]>();
  for (const [index, pipeline] of pipelines.entries()) {
    const key = timesKey(pipeline, window);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ pipeline, index }]);
    else group.push({ pipeline, index });
  }
  return [...groups.values()];
}

/** A key that is equal for pipelines that run at the same times. */
export function timesKey(pipeline: Pipeline, { machineZone, paused }: Window): string {
  const { from = "", to = "" } = paused?.get(pipeline) ?? {};
  return [zoneOf(pipeline, machineZone), from, to, ...pipeline.crons.map(({ text }) => text)].join("\n");
}

/** The times of one pipeline's runs in a window. */
export const plannedTimes = (pipeline: Pipeline, window: Window): Iterable<number> =>
  atMost(window.count, pipelineTimes(pipeline, window));

/** The parts of a window in which a pipeline is started. */
function startedParts({ from, to = Number.POSITIVE_INFINITY }: Window, paused: PausedTime | undefined) {
  if (paused === undefined) return [{ from, to }];
  const parts = [
    { from, to: Math.min(to, paused.from) },
    { from: Math.max(from, paused.to), to },
  ];
  return parts.filter((part) => part.from < part.to);
}

function* pipelineTimes(pipeline: Pipeline, window: Window): Generator<number, void> {
  for (const part of startedParts(window, window.paused?.get(pipeline))) {
    yield* timesIn(pipeline, { ...window, ...part });
  }
}

function timesIn(pipeline: Pipeline, { from, to, machineZone, daemon }: Window & { readonly to: number }) {
  const span = { zone: zoneOf(pipeline, machineZone), from, to };
  const [first, ...others] = pipeline.crons.map((cron) =>
    daemon === undefined ? runTimes(cron, span) : daemonRunTimes(daemon, cron, span),
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

/** The first `count` values; default: all. */
export function* atMost<T>(count: number | undefined, values: Iterable<T>): Generator<T, void> {
  let left = count ?? Number.POSITIVE_INFINITY;
  if (left <= 0) return;
  for (const value of values) {
    yield value;
    if (--left <= 0) return;
  }
}
