import type { LockId } from "../pipeline-id.ts";
import type { StatePaths } from "../storage/paths.ts";

/**
 * Environment variable of every process of a pipeline. Its value is the lock's token; an import has one for each lock.
 */
export const RUN_TOKEN_ENV = "PIPELINEWISE_SCHED_RUN";

/** Tokens as the value of the variable. */
export const renderRunTokens = (tokens: readonly string[]): string => tokens.join(",");

/** The tokens in the value of the variable. */
export const parseRunTokens = (value: string): readonly string[] => value.split(",");

/** The holder of a lock, according to its owner record. */
export interface LockHolder {
  readonly host: string;
  readonly pid: number;
  readonly runId: string;
  readonly startedAt: Date;
  /** Entry and slot of the run, according to its claim. */
  readonly task?: string | undefined;
  readonly scheduled?: boolean | undefined;
  readonly triggeredBy?: string | undefined;
}

/** The end of a run that could not be recorded, as its holder leaves it to the next one. */
export interface UnrecordedEnd {
  /** A word: letters and hyphens. */
  readonly outcome: string;
  readonly exitCode: number;
  readonly endedAt: Date;
}

/** A holder that is proved dead and whose owner record was removed. */
export interface DeadHolder extends LockHolder {
  /** How the run ended, if its holder could not record it; `undefined` if that is not known. */
  readonly end?: UnrecordedEnd | undefined;
  /** By the clock of its own host, as `startedAt` is. */
  readonly lastHeartbeatAt: Date;
}

/** A lock that this process holds until it is released or lost. */
export interface HeldLock {
  /** Unique for each attempt. The pipeline has it in its environment as `PIPELINEWISE_SCHED_RUN`. */
  readonly token: string;
  /**
   * Descriptor with the kernel lock. It becomes the pipeline's stdin, so that the lock ends with the last process of
   * the pipeline. `undefined` if this machine or mount has no flock; `limitation` then says why.
   */
  readonly stdin: number | undefined;
  /**
   * Parts of the lock that this host cannot provide, as a sentence for the log; `undefined` if there are none or an earlier
   * run has logged them. `readWeaknesses` returns them as long as they apply.
   */
  readonly limitation: string | undefined;
  /** The dead run from which this lock was taken over, if this process removed its token. */
  readonly tookOverFrom: LockHolder | undefined;
  /** Resolves with the reason when the lock is known to be lost. Never rejects. */
  readonly lost: Promise<string>;
  /**
   * Stops the watchdog while nothing runs under the lock: a process that only waits costs less. The heartbeat goes on,
   * and a lock that is gone is still reported.
   *
   * @returns a function that starts the watchdog again, and asks at once whether the lock is still there
   */
  rest(): () => void;
  /** Makes the release leave the end of the run to the next holder. This needs no room on the disk. */
  keepEnd(end: UnrecordedEnd): void;
  /**
   * Releases the lock. Call it when no process of the pipeline is left, also after a loss. Fails with a StoreError if the
   * file system refuses it.
   */
  release(): Promise<void>;
}

/** The reason why a lock counts as held. */
export type HolderState =
  /** Its process is running, or flock shows that its pipeline is. */
  | { readonly kind: "alive" }
  /** The process that started the run is gone; these processes of its pipeline are still running. */
  | { readonly kind: "orphans"; readonly pids: readonly number[] }
  /** In another container of this machine: these processes of its pipeline are visible, its wrapper is not. */
  | { readonly kind: "contained"; readonly pids: readonly number[] }
  /** On another host or in another container, and not yet proved dead from here. */
  | { readonly kind: "unproved" };

/** Another run has the lock. `holder` is `undefined` if there is no complete owner record. */
export interface LockHeld {
  readonly kind: "held";
  readonly holder: LockHolder | undefined;
  readonly state: HolderState;
}

export type LockAttempt = { readonly kind: "acquired"; readonly lock: HeldLock } | LockHeld;

/** The content of this process's owner record. */
export interface LockClaim {
  readonly host: string;
  /** The wrapper that will hold the lock. */
  readonly pid: number;
  /** User of this process. */
  readonly uid: number;
  readonly runId: string;
  readonly startedAt: Date;
  /** The purpose of the run, such as an entry's slot. It distinguishes a second start for the same slot from an overlap. */
  readonly task?: string | undefined;
  /** Whether a scheduler started the run. */
  readonly scheduled?: boolean | undefined;
  /** The run whose end started this one. */
  readonly triggeredBy?: string | undefined;
  /** Sentences about protection that the run cannot provide on this host. */
  readonly limitations: readonly string[];
  /**
   * Called for each dead run whose token this attempt removes, even if another start then gets the lock. Only one start
   * removes a token.
   */
  readonly onDead?: ((dead: DeadHolder) => Promise<void>) | undefined;
}

/** Limits and notifications of an attempt to acquire the lock. */
export interface WaitOptions {
  /** Ends a watch when it resolves; a holder that is not proved dead by then counts as alive. */
  readonly giveUp?: Promise<unknown> | undefined;
  /** Called when a watch of a silent holder on another host begins; after `leaseMs` without a heartbeat it is taken over. */
  readonly onWatch?: ((holder: LockHolder | undefined, leaseMs: number) => void) | undefined;
}

/** Options of a wait for a release. */
export interface ReleaseWait {
  /** Ends the wait. */
  readonly over: Promise<unknown>;
  /** Command prefix that ends a command together with this process; empty if the host has no such program. */
  readonly endWithParent: readonly string[];
}

/** The locks of pipelines. If a lock is neither acquired nor held, it throws a StoreError: no run starts without a lock. */
export interface PipelineLocks {
  /** Finds a running holder on this host by its token and /proc. Cheap: starts no process and loads no library. */
  findLiveHolder(paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined>;
  /** Reads the holder from the owner record, on any host, alive or not. */
  readHolder(paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined>;
  acquire(paths: StatePaths, pipeline: LockId, claim: LockClaim, waitOptions?: WaitOptions): Promise<LockAttempt>;
  /**
   * Waits until the lock may be free; `acquire` then decides. Resolves within a second after a release on this host,
   * and within 11 seconds after one on another host.
   */
  waitForRelease(paths: StatePaths, pipeline: LockId, wait: ReleaseWait): Promise<void>;
}
