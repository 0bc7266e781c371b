/**
 * How a run ended; the reason a start was skipped. Later outcomes (timed-out, …) join here when they are built. A `lost`
 * run was found dead by another start, or by `status`; its `endedAt` is its last sign of life.
 */
export type OutcomeKind = "succeeded" | "failed" | "stopped" | "lock-lost" | "lost" | "skipped";
export type SkipReason = "overlap" | "external" | "disabled" | "slot-done" | "not-due" | "too-late";

/** One run or one skip, as a line of `runs/<YYYY-MM>/<host>.jsonl`. Instants are ISO 8601 UTC. */
export interface RunRecord {
  readonly id: string;
  readonly tap: string;
  readonly target: string;
  readonly command: string;
  /** Id of the schedule's entry, where it has one. */
  readonly entry?: string | undefined;
  readonly outcome: OutcomeKind;
  readonly reason?: SkipReason | undefined;
  /** One sentence for people: who holds the lock, why it failed. */
  readonly detail?: string | undefined;
  readonly host: string;
  /** Due instant the run stands for; absent for runs by hand. */
  readonly slot?: string | undefined;
  readonly scheduled: boolean;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly exitCode?: number | undefined;
  readonly log?: string | undefined;
}
