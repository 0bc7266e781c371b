import { StoreError } from "../errors.ts";
import type { RunRecord } from "../history/record.ts";
import { type HistoryStore, type LastRunStore, type LastRuns, openHistory, openLastRuns } from "../history/store.ts";
import type { Host } from "../host.ts";
import type { LockView } from "../lock/inspect.ts";
import type { LockAttempt, LockClaim, LockHolder, PipelineLocks, ReleaseWait, WaitOptions } from "../lock/lock.ts";
import { findRemainingProcesses, pipelineLocks } from "../lock/pipeline-locks.ts";
import { type EntryId, type LockId, lockLabel, lockOf, waiterLockOf } from "../pipeline-id.ts";
import { openSlots, type SlotStore } from "../slots/store.ts";
import { flockFile, lockDirectory, type RunLogName, runLogFile, type StatePaths } from "../storage/paths.ts";
import { openStopRequests, type StopRequestFiles } from "./stop/stop-requests.ts";

/** The lock of a pipeline, as one host sees it. */
export interface PipelineLock {
  readonly id: LockId;
  readonly directory: string;
  readonly kernelLockFile: string;
  /** A holder that is alive on this host. Fast: reads the owner record and /proc, starts no program. */
  findLiveHolder(): Promise<LockHolder | undefined>;
  /** Processes for which a holder on this host waits although PipelineWise has ended. */
  findRemaining(): Promise<readonly number[]>;
  /** The holder that the owner record names, on any host, alive or not. */
  readHolder(): Promise<LockHolder | undefined>;
  acquire(claim: LockClaim, waitOptions?: WaitOptions): Promise<LockAttempt>;
  /** Waits until the lock may be free. */
  waitForRelease(wait: ReleaseWait): Promise<void>;
  /** All holders, and whether each is alive. Acquires nothing. */
  inspect(): Promise<LockView>;
}

/** Everything below `.sched/` that belongs to one lock of a pipeline. */
export interface PipelineStore {
  readonly paths: StatePaths;
  readonly host: Host;
  readonly lock: PipelineLock;
  readonly history: HistoryStore;
  readonly lastRun: LastRunStore;
  /** Stop requests to the holder with this token. */
  requests(token: string): StopRequestFiles;
  /** Path of the file that takes a run's output. */
  runLogFile(run: RunLogName): string;
  /** Adds a run or a skip to the history, and makes it the newest one. Throws only if the history cannot be written. */
  record(record: RunRecord): Promise<void>;
  /**
   * Makes a run or a skip in the history the newest one. If that fails, it says so on stderr.
   *
   * @param options.holdsLock see `LastRunStore.writeRun`
   */
  recordNewest(record: RunRecord, options: { readonly holdsLock: boolean }): Promise<void>;
  /** Reads the newest records. Says on stderr which file it cannot read, and then reads the history. */
  readNewest(): Promise<LastRuns>;
}

/** Everything below `.sched/` that a run of one entry reads or writes. */
export interface EntryStore extends PipelineStore {
  readonly slots: SlotStore;
  /** Opens the store of the waiter lock. */
  openWaiter(): PipelineStore;
}

interface StorePlace {
  readonly paths: StatePaths;
  readonly host: Host;
  /** Replaced by tests. */
  readonly locks?: PipelineLocks | undefined;
}

/** Opens what belongs to a lock. Reads and writes nothing yet. */
export function openPipelineStore(id: LockId, { paths, host, locks = pipelineLocks() }: StorePlace): PipelineStore {
  const history = openHistory(paths, host);
  // A start that waits belongs to the lock for which it waits.
  const lastRun = openLastRuns({ paths, lock: { ...id, isWaiter: undefined }, host });
  const warned = new Set<string>();
  const warnOnce = (what: string, fault: string): void => {
    if (warned.has(fault)) return;
    warned.add(fault);
    host.stderr.write(`pipelinewise-sched: ${lockLabel(id)}: ${what}: ${fault}\n`);
  };
  const recordNewest: PipelineStore["recordNewest"] = async (record, options) => {
    try {
      await (record.outcome === "skipped" ? lastRun.writeSkip(record) : lastRun.writeRun(record, options));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      warnOnce("this is recorded in the history, but not as the newest record for status", error.message);
    }
  };
  return {
    paths,
    host,
    history,
    lastRun,
    lock: {
      id,
      directory: lockDirectory(paths, id),
      kernelLockFile: flockFile(paths, id),
      findLiveHolder: () => locks.findLiveHolder(paths, id),
      findRemaining: () => findRemainingProcesses(paths, id),
      readHolder: () => locks.readHolder(paths, id),
      acquire: (claim, waitOptions) => locks.acquire(paths, id, claim, waitOptions),
      waitForRelease: (wait) => locks.waitForRelease(paths, id, wait),
      async inspect() {
        // Loaded only here: a run does not need it.
        const { inspectLock } = await import("../lock/inspect.ts");
        return inspectLock(paths, id, host);
      },
    },
    requests: (token) => openStopRequests({ paths, lock: id, token, host }),
    runLogFile: (run) => runLogFile(paths, id, run),
    async record(record) {
      await history.append(record);
      await recordNewest(record, { holdsLock: record.outcome !== "lock-lost" });
    },
    recordNewest,
    async readNewest() {
      const newest = await lastRun.read();
      for (const fault of newest.unusable) warnOnce("the newest records for status cannot be used", fault);
      return newest;
    },
  };
}

/** Opens what belongs to an entry. Reads and writes nothing yet. */
export function openEntryStore(entry: EntryId, place: StorePlace): EntryStore {
  const { paths, host } = place;
  const lock = lockOf(entry);
  return {
    ...openPipelineStore(lock, place),
    slots: openSlots({ paths, entry, host }),
    openWaiter: () => openPipelineStore(waiterLockOf(lock), place),
  };
}
