import type { FailureReason, SkipReason } from "../history/record.ts";
import type { Host } from "../host.ts";
import type { HeldLock } from "../lock/lock.ts";
import type { ForeignRunEvidence } from "./checks/leftovers.ts";
import type { EntryStore } from "./pipeline-store.ts";
import type { RunPlan } from "./plan.ts";
import type { EnvironmentChange } from "./process/environment.ts";
import type { StopSignals } from "./process/stop-signals.ts";
import type { StopTiming } from "./process/terminate.ts";
import type { StopRequests } from "./process/watch-stop-requests.ts";
import type { WrapperLog } from "./wrapper-log/wrapper-log.ts";

/** The decision not to run. Checks return it, and `recordSkip` carries it out. */
export interface Skip {
  readonly reason: SkipReason;
  /** Sentence fragment that follows the pipeline's name. */
  readonly detail: string;
  /** The slot in the record; `undefined` if another start has handled it or if nothing was due. */
  readonly slot?: Date | undefined;
  /** The slot is not recorded as handled, because the lock holder may be about to run it. */
  readonly leavesSlotOpen?: boolean;
  /** The start is only counted, without a record. */
  readonly isQuiet?: boolean;
}

/** The decision of a policy not to start the pipeline, which is recorded as a failed run. */
export interface Refusal {
  readonly reason: FailureReason;
  /** Sentence fragment that follows the pipeline's name. */
  readonly detail: string;
  /** Imperative: the next step of the user. */
  readonly hint: string;
  /** The run log, if something was written to it, and the environment of the process that wrote it. */
  readonly output?: { readonly log: string; readonly environment: readonly EnvironmentChange[] } | undefined;
  readonly exitCode: number;
}

/** The due times that were missed before a start. */
export interface MissedTimes {
  /** Whether its own slot is one of them. */
  readonly isLate: boolean;
  /** The number of earlier ones, for which nothing runs. */
  readonly earlier: number;
}

/** The slot that a start stands for, or the reason why it stands for none. */
export type SlotDecision =
  | {
      readonly kind: "run";
      readonly slot: Date;
      /** `undefined` if the entry does not catch up. */
      readonly missed?: MissedTimes | undefined;
    }
  | { readonly kind: "skip"; readonly skip: Skip };

/** One start. Every step of a run gets it. */
export interface RunContext {
  /** Names the run or the skip. */
  readonly id: string;
  readonly startedAt: Date;
  readonly plan: RunPlan;
  readonly host: Host;
  readonly store: EntryStore;
  /** `undefined` for a start by hand. */
  readonly decision: SlotDecision | undefined;
  /** The due time that this start stands for; `undefined` for a start by hand, and for one that is not due. */
  readonly slot: Date | undefined;
  readonly timing: StopTiming;
  /** Starts another entry in this process. @returns its exit code */
  readonly start: (plan: RunPlan) => Promise<number>;
}

/** A start that holds the lock of its pipeline. */
export interface LockedContext extends RunContext {
  readonly lock: HeldLock;
  readonly signals: StopSignals;
  /** Looks for foreign runs and leftovers. It looks once: later calls return what the first one found. */
  readonly evidence: () => Promise<ForeignRunEvidence>;
}

/** A run: a start that has passed all checks. */
export interface LockedRun extends LockedContext {
  readonly log: WrapperLog;
  /** Stop requests to this run, from any host. */
  readonly requests: StopRequests;
}
