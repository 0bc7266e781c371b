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
 * What will run, sorted by time, then as the file has it. Lazy: only what is taken is worked out.
 *
 * Several crons of a pipeline are one set of times: a minute that two of them name is one run.
 */
export function* plannedRuns({ pipelines }: Pick<Schedule, "pipelines">, window: Window): Generator<PlannedRun, void> {
  const times = pipelines.map((pipeline) => plannedTimes(pipeline, window));
  for (const { source, at } of mergeTimes(times)) {
    const pipeline = pipelines[source];
    if (pipeline !== undefined) yield { pipeline, at };
  }
}

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
