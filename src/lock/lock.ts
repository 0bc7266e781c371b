import type { LockId } from "../pipeline-id.ts";
import type { StatePaths } from "../storage/paths.ts";

/** Environment variable that every process of a pipeline bears; its value is the lock's token. */
export const RUN_MARK = "PIPELINEWISE_SCHED_RUN";

/** The holder of a lock, according to its owner record. */
export interface LockHolder {
  readonly host: string;
  readonly pid: number;
  readonly runId: string;
  readonly startedAt: Date;
  /** Entry and slot of the run, according to its claim. */
  readonly task?: string | undefined;
}

/** A holder that is proved dead and whose owner record was removed. */
export interface DeadHolder extends LockHolder {
  /** By the clock of its own host, as `startedAt` is. */
  readonly lastBeatAt: Date;
}

/** A lock of ours, until released or lost. */
export interface HeldLock {
  /** Unique at each attempt; the pipeline bears it as `PIPELINEWISE_SCHED_RUN`. */
  readonly token: string;
  /**
   * Descriptor that carries the kernel lock: the pipeline's stdin, so that the lock lives as long as any process of the
   * pipeline. `undefined` where this machine or mount has no flock; `weakness` then says why.
   */
  readonly stdin: number | undefined;
  /**
   * What this host lacks for the whole lock, as a sentence for the log; `undefined` when it lacks nothing, or when that was
   * said before. `readWeaknesses` has it for as long as it is so.
   */
  readonly weakness: string | undefined;
  /** The run that died holding this lock, where we took it over. */
  readonly tookOverFrom: LockHolder | undefined;
  /** Resolves with the reason when the lock is known to be lost. Never rejects. */
  readonly lost: Promise<string>;
  /**
   * To be called when no process of the pipeline is left, also after a loss. Fails with a StoreError where the share
   * refuses it.
   */
  release(): Promise<void>;
}

/** Why a lock that we did not get counts as held. */
export type HolderState =
  /** Its process is running, or flock shows that its pipeline is. */
  | { readonly kind: "alive" }
  /** The process that started the run is gone; these processes of its pipeline are still running. */
  | { readonly kind: "orphans"; readonly pids: readonly number[] }
  /** In another container of this machine: these processes of its pipeline are seen at work, its own process is not. */
  | { readonly kind: "contained"; readonly pids: readonly number[] }
  /** Another host's (or container's), and not silent for long enough to be proved dead from here. */
  | { readonly kind: "unproved" };

/** Another run has it. `holder` is `undefined` when only the kernel knows (its record is gone or not whole). */
export interface LockHeld {
  readonly kind: "held";
  readonly holder: LockHolder | undefined;
  readonly state: HolderState;
}

export type LockAttempt = { readonly kind: "acquired"; readonly lock: HeldLock } | LockHeld;

/** The content of this process's owner record. */
export interface LockClaim {
  readonly host: string;
  /** Ours: the process that keeps the lock. */
  readonly pid: number;
  /** User we act as. */
  readonly uid: number;
  readonly runId: string;
  readonly startedAt: Date;
  /** What the run stands for, such as an entry's slot: a second start for the same is told from an overlap by it. */
  readonly task?: string | undefined;
  /** Sentences about protection that the run cannot provide on this host. */
  readonly lacks?: readonly string[] | undefined;
  /**
   * Called once for each dead run whose record this attempt takes away, whoever gets the lock in the end; of all that
   * find a dead run, one takes it away.
   */
  readonly onDead?: ((dead: DeadHolder) => Promise<void>) | undefined;
}

/** Limits and notifications of an attempt to acquire the lock. */
export interface Patience {
  /** Once it resolves, a wait ends: what is not proved dead by then counts as held. */
  readonly giveUp?: Promise<unknown> | undefined;
  /** Another host's holder is silent; it is watched from now, and taken over after `leaseMs` without a sign of life. */
  readonly onWatch?: ((holder: LockHolder | undefined, leaseMs: number) => void) | undefined;
}

/** At most one run of a pipeline at a time. Anything but "held" throws a `StoreError`: nothing is ever run unlocked. */
export interface PipelineLocks {
  /** A holder on this host that lives, seen from its token and /proc: cheap, starts nothing, loads no library. */
  findLiveHolder(paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined>;
  /** The holder that an owner record names, on any host, alive or not. */
  findNamedHolder(paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined>;
  acquire(paths: StatePaths, pipeline: LockId, claim: LockClaim, patience?: Patience): Promise<LockAttempt>;
}
