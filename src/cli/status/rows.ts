import { isOverdue, type RunningRun } from "../../control/lock-state.ts";
import { isDisabled, pausesOf } from "../../control/next-due.ts";
import type { Freshness } from "../../history/freshness.ts";
import { NO_OUTCOMES, type RecentOutcomes } from "../../history/recent-outcomes.ts";
import type { OutcomeKind, RunRecord } from "../../history/record.ts";
import type { LastRuns } from "../../history/store.ts";
import type { StoredEntry } from "../../installed/schedule.ts";
import type { LockHolder } from "../../lock/lock.ts";
import {
  DEFAULT_COMMAND,
  type EntryId,
  entryKey,
  entryPath,
  type LockId,
  lockLabel,
  lockOf,
  mainLockOf,
  type PipelineId,
} from "../../pipeline-id.ts";
import type { ForeignRun } from "../../run/checks/leftovers.ts";
import type { ScopedPause } from "../../run/policies/pauses.ts";
import { parsePurpose } from "../../run/records/lost-runs.ts";
import type { PipelinewiseRow } from "./pipelinewise.ts";

/** One line of `status`: an entry, or a pipeline of PipelineWise that no schedule contains. */
export interface StatusRow extends PipelineId {
  /** PipelineWise's columns; `undefined` if it does not know the pipeline or its status failed. */
  readonly pipelinewise: PipelinewiseRow | undefined;
  readonly scheduled: ScheduledEntry | undefined;
  /** Newest run of the entry, or of the pipeline if it has no entry. */
  readonly lastRun: RunRecord | undefined;
  /** Newest skip, if it is newer than the newest run. */
  readonly lastSkip: RunRecord | undefined;
  /** The last outcomes of the entry, or of the pipeline if it has no entry. */
  readonly recent: readonly OutcomeKind[];
  /** The run of the entry, or of the pipeline if it has no entry. */
  readonly running: RunningRun | undefined;
  /** The start of the entry, or of the pipeline if it has no entry, that waits for the running run. */
  readonly waiting: LockHolder | undefined;
  /** The run of another entry, or of a command that no entry has, that holds the lock of this entry. */
  readonly lockedBy: RunningRun | undefined;
  readonly foreignRun: ForeignRun | undefined;
  /** The pauses in force that cover the pipeline. */
  readonly pauses: readonly ScopedPause[];
}

/** Whether the schedule file pauses the entry that replicates the pipeline. */
export const isReplicationDisabled = ({ scheduled }: StatusRow): boolean =>
  scheduled !== undefined && scheduled.entry.command === DEFAULT_COMMAND && isDisabled(scheduled.entry);

/** Whether the run of an entry is overdue. */
export const isRowOverdue = ({ running, scheduled }: Pick<StatusRow, "running" | "scheduled">, now: Date): boolean =>
  running !== undefined && isOverdue(running, scheduled?.entry.policies, now);

/** The outcomes that need attention. `stopped` is not one, because a stop is intended. */
const BAD: readonly OutcomeKind[] = ["failed", "timed-out", "lost", "lock-lost"];

/** Whether the outcome of a run needs attention. */
export const isBad = (run: RunRecord | undefined): run is RunRecord => run !== undefined && BAD.includes(run.outcome);

export interface ScheduledEntry {
  /** Name of its schedule. */
  readonly schedule: string;
  readonly entry: StoredEntry;
  /** The schedulers of this host that start the entry, by the argument of `--on`. */
  readonly schedulers: readonly string[];
  /** `undefined` also if no scheduler starts the entry as it is stored, or if it is paused without an end. */
  readonly nextAt: Date | undefined;
  /**
   * The reason why every scheduled start of the entry on this host fails, and what to do; `undefined` if none is known.
   */
  readonly blocked: string | undefined;
  /** Starts on this host that found nothing due. */
  readonly idleStarts: number;
  /** When this host installed it, ISO 8601 UTC; `undefined` if it did not. */
  readonly installedAt: string | undefined;
  /** `undefined` if the entry has no `fresh_within`. */
  readonly freshness?: Freshness | undefined;
}

/** The last runs under one lock, and the current one. */
export interface PipelineState {
  readonly last: LastRuns;
  readonly running: RunningRun | undefined;
  /** The start that waits for the lock. */
  readonly waiting: LockHolder | undefined;
  readonly foreignRun: ForeignRun | undefined;
  /** Sentences about what could not be read, so that it is unknown. */
  readonly unread: readonly string[];
}

export const pipelineKey = ({ tap, target }: PipelineId): string => `${target}/${tap}`;

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

/** The command and the id of the entry that a run executes. */
export function entryOfRun({ task }: LockHolder): Pick<EntryId, "command" | "id"> {
  const { command, entry } = parsePurpose(task);
  return { command, id: entry };
}

const recentOf = ({ ofEntry, ofLock }: RecentOutcomes, pipeline: PipelineId, entry: EntryId | undefined) =>
  (entry === undefined ? ofLock.get(lockLabel(mainLockOf(pipeline))) : ofEntry.get(entryPath(entry))) ?? [];

function runningOf({ running, waiting, foreignRun }: PipelineState, entry: StoredEntry | undefined) {
  const isOwn = (run: LockHolder | undefined): boolean =>
    run !== undefined && (entry === undefined || entryKey({ ...entry, ...entryOfRun(run) }) === entryKey(entry));
  return {
    running: isOwn(running) ? running : undefined,
    lockedBy: isOwn(running) ? undefined : running,
    waiting: isOwn(waiting) ? waiting : undefined,
    foreignRun,
  };
}

/** PipelineWise's pipelines in its order, each with its entries, then the entries of unknown pipelines. */
export function joinStatus(
  known: readonly PipelinewiseRow[],
  scheduled: readonly ScheduledEntry[],
  {
    stateOf,
    pauses,
    recent = NO_OUTCOMES,
  }: {
    readonly stateOf: (lock: LockId) => PipelineState;
    readonly pauses: readonly ScopedPause[];
    readonly recent?: RecentOutcomes;
  },
): readonly StatusRow[] {
  const entriesOf = (row: PipelinewiseRow) => scheduled.filter(({ entry }) => pipelineKey(entry) === pipelineKey(row));
  const rowOf = (
    pipeline: PipelineId,
    row: PipelinewiseRow | undefined,
    one: ScheduledEntry | undefined,
  ): StatusRow => {
    const { tap, target } = pipeline;
    const state = stateOf(one === undefined ? mainLockOf(pipeline) : lockOf(one.entry));
    return {
      tap,
      target,
      pipelinewise: row,
      scheduled: one,
      ...lastOf(state, one?.entry),
      recent: recentOf(recent, pipeline, one?.entry),
      ...runningOf(state, one?.entry),
      pauses: pausesOf(pauses, pipeline),
    };
  };
  const ofPipelinewise = known.flatMap((row) => orOne(entriesOf(row)).map((one) => rowOf(row, row, one)));
  const seen = new Set(known.map(pipelineKey));
  const rest = scheduled.filter(({ entry }) => !seen.has(pipelineKey(entry)));
  return [...ofPipelinewise, ...rest.map((one) => rowOf(one.entry, undefined, one))];
}

/** A list with at least one element, because a pipeline without entries also has a line. */
const orOne = <T>(list: readonly T[]): readonly (T | undefined)[] => (list.length > 0 ? list : [undefined]);
