import type { RunRecord } from "../history/record.ts";
import { addNewest, entryOf, type LastRuns } from "../history/store.ts";
import type { Host } from "../host.ts";
import type { LockHolder } from "../lock/lock.ts";
import { type EntryId, entryKey } from "../pipeline-id.ts";
import type { Policies } from "../policies.ts";
import type { QueuedStart } from "../run/limits/read-queue.ts";
import type { PipelineStore } from "../run/pipeline-store.ts";
import type { NextAttempt } from "../run/policies/next-attempt.ts";
import { findDeadRun, parsePurpose } from "../run/records/lost-runs.ts";

/** A run that holds its lock. */
export interface RunningRun extends LockHolder {
  /** Processes of the pipeline on this host that are still running although PipelineWise has ended. */
  readonly remaining: readonly number[];
  /** Set while it waits for a place, before its pipeline is started. `status` adds it. */
  readonly queued?: QueuedStart | undefined;
  /** Set while it waits for its next attempt. `status` adds it. */
  readonly nextAttempt?: NextAttempt | undefined;
}

/** Whether a lock holder runs the entry, and not another entry or a command of the same pipeline. */
export function runsEntry({ task }: LockHolder, entry: EntryId): boolean {
  const { command, entry: id } = parsePurpose(task);
  return entryKey({ ...entry, command, id }) === entryKey(entry);
}

/** Whether a run that has its places has been running for longer than its entry's `running_longer_than`. */
export const isOverdue = (run: RunningRun, policies: Policies | undefined, now: Date): boolean =>
  run.queued === undefined && now.getTime() - run.startedAt.getTime() > (policies?.runningLongerThanMs ?? Infinity);

/** The runs at a pipeline's lock. */
interface LockState {
  /** The run that holds the lock. */
  readonly running: RunningRun | undefined;
  /** The newest records. Dead runs that have no record yet are among them: the next start records and reports them. */
  readonly last: LastRuns;
}

/** Adds a run, unless a later one of its entry is known. */
function addRun(runs: Map<string, RunRecord>, run: RunRecord): void {
  const known = runs.get(entryKey(entryOf(run)));
  if ((known?.startedAt ?? "") < run.startedAt) addNewest(runs, run);
}

/** Reads the runs at a pipeline's lock. Changes nothing. */
async function readLockState(store: PipelineStore, host: Pick<Host, "name">): Promise<LockState> {
  const live = await store.lock.findLiveHolder();
  if (live !== undefined) {
    // A start that waits has no pipeline.
    const remaining = store.lock.id.isWaiter === true ? [] : await store.lock.findRemaining();
    return { running: { ...live, remaining }, last: await store.lastRun.read() };
  }
  const { tokens } = await store.lock.inspect();
  const last = await store.lastRun.read();
  const runs = new Map(last.runs);
  const how = `found by status, on host ${host.name}; the next start records it`;
  let running: RunningRun | undefined;
  for (const { state, holder, lastHeartbeatAt } of tokens) {
    if (holder === undefined) continue;
    if (state.kind !== "dead") running ??= { ...holder, remaining: [] };
    else {
      const dead = await findDeadRun(store, { ...holder, lastHeartbeatAt }, { how, runs: last.runs });
      if (dead !== undefined) addRun(runs, dead.record);
    }
  }
  return { running, last: { ...last, runs } };
}

/** The runs at a pipeline's lock, and the start that waits for it. */
export interface PipelineLockState extends LockState {
  readonly waiting: LockHolder | undefined;
}

/** Reads the runs at a pipeline's lock and at its waiter lock. Changes nothing. */
export async function readPipelineState(
  { store, waiter }: { readonly store: PipelineStore; readonly waiter: PipelineStore },
  host: Pick<Host, "name">,
): Promise<PipelineLockState> {
  const { running, last } = await readLockState(store, host);
  const ofWaiter = await readLockState(waiter, host);
  const runs = new Map(last.runs);
  for (const run of ofWaiter.last.runs.values()) addRun(runs, run);
  return { running, waiting: ofWaiter.running, last: { ...last, runs } };
}
