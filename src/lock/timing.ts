/** Durations of the lock protocol. They depend on each other (`isSound`), so users cannot set them. */
export interface LockTiming {
  /** Time between two heartbeats of a holder. */
  readonly heartbeatMs: number;
  /** A holder that could not confirm a heartbeat for this time stops its pipeline. */
  readonly selfFenceMs: number;
  /** Time from SIGTERM for PipelineWise to SIGTERM for its whole process group. */
  readonly graceMs: number;
  /** Time from that until SIGKILL. */
  readonly killGraceMs: number;
  /** A holder on another host counts as dead only after this time without a heartbeat. */
  readonly leaseMs: number;
  /** Time between two checks of the holder's watchdog. Default: a second, or less with a short heartbeat. */
  readonly watchdogMs?: number | undefined;
}

export const LOCK_TIMING: LockTiming = {
  heartbeatMs: 10_000,
  selfFenceMs: 200_000,
  graceMs: 30_000,
  killGraceMs: 15_000,
  leaseMs: 300_000,
};

/**
 * Whether a holder stops its pipeline before another host may take over its lock, even if the holder's clock is a little
 * slow, and whether it may miss some heartbeats before that.
 */
export function isSound({ heartbeatMs, selfFenceMs, graceMs, killGraceMs, leaseMs }: LockTiming): boolean {
  return heartbeatMs * 6 <= selfFenceMs && selfFenceMs + graceMs + killGraceMs < leaseMs * 0.9;
}

/**
 * The grace periods for a scheduler that kills the wrapper soon after it asked it to stop. The pipeline must end before that.
 * PipelineWise gets most of the time, because it waits 5 s for its connectors; the rest is for the check of all processes
 * and for the record.
 */
export const stopWithin = (seconds: number): Pick<LockTiming, "graceMs" | "killGraceMs"> => ({
  graceMs: seconds * 700,
  killGraceMs: seconds * 150,
});
