import type { PipelineId } from "../command/request.ts";
import type { StatePaths } from "../state-paths.ts";

/** Who holds a lock, as its token file says. */
export interface LockHolder {
  readonly host: string;
  readonly pid: number;
  readonly runId: string;
  readonly startedAt: Date;
}

/** A lock of ours, until released or lost. */
export interface HeldLock {
  /** Unique at each attempt; the pipeline bears it as `PIPELINEWISE_SCHED_RUN`. */
  readonly token: string;
  /**
   * Descriptor that carries the kernel lock: the pipeline's stdin, so that the lock lives as long as any process of the
   * pipeline. `undefined` where this machine or mount has no flock.
   */
  readonly stdin: number | undefined;
  /** Rejects never; resolves once when the lock is known to be lost, with why. */
  readonly lost: Promise<string>;
  /** To be called when no process of the pipeline is left. */
  release(): Promise<void>;
}

/** `held`: another run has it; `holder` is `undefined` when only the kernel knows (its record is gone or unreadable). */
export type LockAttempt =
  | { readonly kind: "acquired"; readonly lock: HeldLock }
  | { readonly kind: "held"; readonly holder: LockHolder | undefined };

/** What the token says of us. */
export interface LockClaim {
  readonly host: string;
  readonly runId: string;
  readonly startedAt: Date;
}

/** At most one run of a pipeline at a time. Anything but "held" throws a `StoreError`: nothing is ever run unlocked. */
export interface PipelineLocks {
  /** A holder on this host that lives, seen from its token and /proc: cheap, starts nothing, loads no library. */
  findLiveHolder(paths: StatePaths, pipeline: PipelineId): Promise<LockHolder | undefined>;
  acquire(paths: StatePaths, pipeline: PipelineId, claim: LockClaim): Promise<LockAttempt>;
}
