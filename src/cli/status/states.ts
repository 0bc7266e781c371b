import { readPipelineState } from "../../control/lock-state.ts";
import { errorCode, errorMessage, SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { hasRunToken } from "../../lock/processes.ts";
import { type LockId, lockLabel, waiterLockOf } from "../../pipeline-id.ts";
import { searchForeignProcesses } from "../../run/checks/foreign-runs.ts";
import { findForeignRun, renderForeignRun } from "../../run/checks/preflight.ts";
import { renderContainer } from "../../run/containers/find.ts";
import { findInstalledContainers } from "../../run/containers/installed.ts";
import { type QueuedStart, readQueue } from "../../run/limits/read-queue.ts";
import { openPipelineStore } from "../../run/pipeline-store.ts";
import { readNextAttempt } from "../../run/policies/next-attempt.ts";
import type { StatePaths } from "../../storage/paths.ts";
import type { PipelineState } from "./rows.ts";

/** Reads the state of each lock, once. @returns the states by `lockLabel` */
export async function readStates(
  paths: StatePaths,
  locks: readonly LockId[],
  host: Host,
): Promise<ReadonlyMap<string, PipelineState>> {
  const findProcess = searchForeignProcesses(paths.configDir, host.pid, hasRunToken);
  const states = new Map<string, PipelineState>();
  let queue: ReadonlyMap<string, QueuedStart> | undefined;
  for (const lock of locks) {
    const label = lockLabel(lock);
    if (states.has(label)) continue;
    const store = openPipelineStore(lock, { paths, host });
    const faults: string[] = [];
    const unread: string[] = [];
    /** On an error, for example on a read-only mount, the rest of the status is shown. */
    const attempt = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof SchedError) && errorCode(error) === undefined) throw error;
        unread.push(`cannot check whether ${label} is running${what}: ${errorMessage(error)}`);
        return undefined;
      }
    };
    const found = await attempt("", () => {
      const waiter = openPipelineStore(waiterLockOf(lock), { paths, host });
      return readPipelineState({ store, waiter }, host);
    });
    const { running, waiting, last } = found ?? {
      running: undefined,
      waiting: undefined,
      last: await store.lastRun.read(),
    };
    if (running !== undefined) queue ??= await attempt(" or waits for a place", () => readQueue(paths));
    const queued = running && queue?.get(running.runId);
    const nextAttempt =
      running && (await attempt(" or waits for an attempt", () => readNextAttempt(paths, lock, running.runId)));
    // A lost run may have left a container without a wrapper.
    const mayHaveLeft = running === undefined && [...last.runs.values()].some(({ outcome }) => outcome === "lost");
    const search = () => findInstalledContainers(store, host);
    for (const container of mayHaveLeft ? ((await attempt(" in a container", search)) ?? []) : []) {
      const { tap, target } = lock;
      faults.push(
        `${label} ${renderContainer(container)}. To stop it: pipelinewise-sched stop --tap ${tap} --target ${target}`,
      );
    }
    const isFree = found !== undefined && running === undefined;
    const foreignRun = await attempt(" outside pipelinewise-sched", () =>
      findForeignRun(store, { host, ourRuns: last.runs.values(), findProcess, isFree }),
    );
    if (foreignRun !== undefined && foreignRun.kind !== "process")
      faults.push(`${label} ${renderForeignRun(foreignRun)}`);
    states.set(label, {
      last: { ...last, faults: [...last.faults, ...faults] },
      unread,
      running: running && { ...running, queued, nextAttempt },
      waiting,
      foreignRun,
    });
  }
  return states;
}

const NOTHING: PipelineState = {
  last: { runs: new Map(), skip: undefined, faults: [], unusable: [] },
  running: undefined,
  foreignRun: undefined,
  waiting: undefined,
  unread: [],
};

/** Gives the state of a lock, from the states by `lockLabel`. */
export const stateIn =
  (states: ReadonlyMap<string, PipelineState>) =>
  (lock: LockId): PipelineState =>
    states.get(lockLabel(lock)) ?? NOTHING;
