import { entryPath } from "../command/request.ts";
import type { HostSchedule, OnScheduler } from "../compiled/compiled.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";

/** Another scheduler, and what is kept of the schedule's way there. */
export interface Elsewhere extends Pick<OnScheduler, "place"> {
  /** The word behind `--on`. */
  readonly name: string;
  /** Entries, as `entryPath` names them, that it starts also when nothing is due. */
  readonly loose: readonly string[];
}

/** What any of the schedulers starts also when nothing is due; what was loose stays so while one beside cron has it. */
export function looseEntries(
  { pipelines }: Schedule,
  before: HostSchedule | undefined,
  elsewhere: Elsewhere | undefined,
  isLooseInCrontab: (pipeline: Pipeline) => boolean,
): readonly string[] {
  const known = new Set([...(elsewhere?.loose ?? []), ...(before?.on === undefined ? [] : (before.loose ?? []))]);
  return pipelines.filter((pipeline) => known.has(entryPath(pipeline)) || isLooseInCrontab(pipeline)).map(entryPath);
}

/** Which schedulers have it beside cron, and what each was told. */
export function onSchedulers(
  before: HostSchedule | undefined,
  elsewhere: Elsewhere | undefined,
  digest: string,
): HostSchedule["on"] {
  if (elsewhere === undefined) return before?.on;
  return { ...before?.on, [elsewhere.name]: { place: elsewhere.place, digest } };
}
