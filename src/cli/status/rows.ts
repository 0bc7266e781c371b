import { parseCron } from "../../cron/expression.ts";
import { nextRuns } from "../../cron/next-runs.ts";
import type { RunRecord } from "../../history/record.ts";
import type { LastRuns } from "../../history/store.ts";
import type { CompiledEntry } from "../../installed/schedule.ts";
import type { LockHolder } from "../../lock/lock.ts";
import { type EntryId, entryKey, type LockId, lockOf, type PipelineId } from "../../pipeline-id.ts";
import type { PipelinewiseRow } from "./pipelinewise.ts";

/** One line of `status`: an entry, or a pipeline that PipelineWise knows and that is not in a schedule. */
export interface StatusRow extends PipelineId {
  /** PipelineWise's columns; `undefined` if it does not know the pipeline or its status failed. */
  readonly pipelinewise: PipelinewiseRow | undefined;
  readonly scheduled: ScheduledEntry | undefined;
  /** Newest run of the entry, or of the pipeline if it has no entry. */
  readonly lastRun: RunRecord | undefined;
  /** Newest skip, if it is newer than the newest run. */
  readonly lastSkip: RunRecord | undefined;
  readonly running: LockHolder | undefined;
}

export interface ScheduledEntry {
  /** Name of its schedule. */
  readonly schedule: string;
  readonly entry: CompiledEntry;
  readonly nextAt: Date | undefined;
  /** Starts on this host that found nothing due. */
  readonly undueStarts: number;
}

/** The known runs under one lock. */
export interface PipelineState {
  readonly last: LastRuns;
  readonly running: LockHolder | undefined;
}

export const pairKey = ({ tap, target }: PipelineId): string => `${target}/${tap}`;

/**
 * The next time at which an entry is due.
 *
 * @param machineZone zone of entries without a time zone
 */
export function nextOf(entry: CompiledEntry, after: Date, machineZone: string): Date | undefined {
  const zone = entry.timezone ?? machineZone;
  const times = entry.crons.flatMap((text) => nextRuns(parseCron(text), { zone, after, count: 1 }));
  return times.sort((one, other) => one.getTime() - other.getTime())[0];
}

function newest(runs: Iterable<RunRecord>): RunRecord | undefined {
  return [...runs].sort((one, other) => (one.endedAt < other.endedAt ? 1 : -1))[0];
}

function lastOf({ last }: PipelineState, entry: EntryId | undefined) {
  const lastRun = entry === undefined ? newest(last.runs.values()) : last.runs.get(entryKey(entry));
  const { skip } = last;
  const ofEntry =
    skip !== undefined && (entry === undefined || entryKey({ ...skip, id: skip.entry }) === entryKey(entry));
  return { lastRun, lastSkip: ofEntry && skip.endedAt > (lastRun?.endedAt ?? "") ? skip : undefined };
}

/** PipelineWise's pipelines in its order, each with its entries, then the entries of unknown pipelines. */
export function joinStatus(
  known: readonly PipelinewiseRow[],
  scheduled: readonly ScheduledEntry[],
  stateOf: (lock: LockId) => PipelineState,
): readonly StatusRow[] {
  const entriesOf = (row: PipelinewiseRow) => scheduled.filter(({ entry }) => pairKey(entry) === pairKey(row));
  const rowOf = (
    pipeline: PipelineId,
    row: PipelinewiseRow | undefined,
    one: ScheduledEntry | undefined,
  ): StatusRow => {
    const { tap, target } = pipeline;
    const state = stateOf(one === undefined ? { tap, target } : lockOf(one.entry));
    return { tap, target, pipelinewise: row, scheduled: one, ...lastOf(state, one?.entry), running: state.running };
  };
  const ofPipelinewise = known.flatMap((row) => orOne(entriesOf(row)).map((one) => rowOf(row, row, one)));
  const seen = new Set(known.map(pairKey));
  const rest = scheduled.filter(({ entry }) => !seen.has(pairKey(entry)));
  return [...ofPipelinewise, ...rest.map((one) => rowOf(one.entry, undefined, one))];
}

/** A list with at least one element, because a pipeline without entries also has a line. */
const orOne = <T>(list: readonly T[]): readonly (T | undefined)[] => (list.length > 0 ? list : [undefined]);
