import { type Daemon, runTimesOn } from "../cron/daemons.ts";
import { runTimes } from "../cron/next.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";
import { mergeTimes } from "./merge.ts";

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
 * What will run, sorted by time, then as the file has it. Lazy: only what is taken is worked out, and that once for
 * pipelines that share their times.
 *
 * Several crons of a pipeline are one set of times: a minute that two of them name is one run.
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
