/** Durations of the lock protocol. They depend on each other (`isSound`), so users cannot set them. */
export interface LockTiming {
  /** Time between two heartbeats of a holder. */
  readonly heartbeatMs: number;
  /** A holder that could not confirm a heartbeat for this time stops its pipeline. */
  readonly selfFenceMs: number;
  /** From SIGTERM to the pipeline until its process group gets it too. */
  readonly graceMs: number;
  /** From there until SIGKILL. */
  readonly killGraceMs: number;
  /** A holder on another host counts as dead only after this time without a heartbeat. */
  readonly leaseMs: number;
}

export const LOCK_TIMING: LockTiming = {
  heartbeatMs: 10_000,
  selfFenceMs: 200_000,
  graceMs: 30_000,
  killGraceMs: 15_000,
  leaseMs: 300_000,
};

/**
 * Whether a holder has stopped its pipeline before anyone may take its lock over, also one whose clock goes a little
 * slower than ours, and whether it may miss some heartbeats before it has to.
 */
export function isSound({ heartbeatMs, selfFenceMs, graceMs, killGraceMs, leaseMs }: LockTiming): boolean {
  return heartbeatMs * 6 <= selfFenceMs && selfFenceMs + graceMs + killGraceMs < leaseMs * 0.9;
}

/**
 * The steps of a stop for a scheduler that kills us soon after it has told us to end: what is left of the pipeline would
 * go on without anyone. Most of it is PipelineWise's own, which waits 5 s for its connectors; the rest is for the look at
 * all processes, and the record.
 */
export const stopWithin = (seconds: number): Pick<LockTiming, "graceMs" | "killGraceMs"> => ({
  graceMs: seconds * 700,
  killGraceMs: seconds * 150,
});
