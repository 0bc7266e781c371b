import { errorMessage } from "../errors.ts";
import type { AttemptRecord } from "../history/record.ts";
import type { LockedRun, Refusal, Skip } from "./context.ts";
import { clearOwnLeftovers, type EndedAttempt, findStartFault, judgeAttempt } from "./judge-attempt.ts";
import { judgeEnd, type StopCause, startFailureCode } from "./outcome.ts";
import type { NextStep } from "./policies/retries.ts";
import { stateIsSound } from "./policies/state-file.ts";
import { type StartedPipeline, startPipeline } from "./process/start.ts";
import { runPipelineProcess } from "./process/supervise.ts";

/**
 * The end of a run. `attempts` has all attempts, in order; it is `undefined` if the run ended with its first attempt.
 */
export type RunEnd = { readonly attempts?: readonly AttemptRecord[] | undefined } & (
  | EndedRun
  /** PipelineWise refused to run. */
  | { readonly kind: "skip"; readonly skip: Skip }
  /** A policy refused to start the pipeline. */
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | NotStarted
);

/** The pipeline could not be started. */
interface NotStarted {
  readonly kind: "not-started";
  readonly error: unknown;
}

/** A run that ended as its last attempt did, or that was stopped before an attempt. */
export interface EndedRun extends Pick<EndedAttempt, "outcome" | "details" | "remarks"> {
  readonly kind: "ended";
  /** The pipeline of the last attempt; `undefined` if nothing was started. */
  readonly pipeline: StartedPipeline | undefined;
}

type StartResult =
  | { readonly kind: "started"; readonly pipeline: StartedPipeline }
  | { readonly kind: "stopped"; readonly cause: StopCause }
  | Extract<RunEnd, { readonly kind: "refused" | "not-started" }>;

/** Starts the pipeline, unless a stop was requested before or a policy refuses the start. */
async function startAttempt(run: LockedRun, number: number): Promise<StartResult> {
  const cause = run.signals.cause();
  if (cause !== undefined) return { kind: "stopped", cause };
  try {
    const refusal = await stateIsSound(run);
    if (refusal !== undefined) return { kind: "refused", refusal };
    return { kind: "started", pipeline: await startPipeline(run, number) };
  } catch (error) {
    return { kind: "not-started", error };
  }
}

const failedStart = ({ host }: LockedRun, error: unknown, startedAt: Date): AttemptRecord => ({
  startedAt: startedAt.toISOString(),
  endedAt: host.now().toISOString(),
  exitCode: startFailureCode(error),
  outcome: "failed",
});

/** Runs a started pipeline to its end, and removes what a killed pipeline left. */
async function superviseAttempt(
  run: LockedRun,
  pipeline: StartedPipeline,
  startedAt: Date,
): Promise<EndedAttempt | NotStarted> {
  const end = await runPipelineProcess(run, pipeline);
  const error = await findStartFault(run, pipeline, end);
  if (error !== undefined) return { kind: "not-started", error };
  const attempt = await judgeAttempt(run, { end, pipeline, startedAt });
  const { outcome, refusal } = attempt;
  // A skip is not a run, and the files may belong to the run because of which PipelineWise refused.
  if (refusal?.kind === "skip") return attempt;
  const write = outcome.kind === "succeeded" ? run.log.info : run.log.warn;
  write("ended", { outcome: outcome.kind, code: end.code, exitCode: outcome.callerCode });
  // Without the lock, the files may already belong to another run.
  if (outcome.kind !== "succeeded" && outcome.kind !== "lock-lost") await clearOwnLeftovers(run, outcome);
  return attempt;
}

/**
 * The end of a run that was stopped before an attempt.
 *
 * @param last the attempt before; `undefined` if nothing was started
 */
export function stoppedRun(
  { plan }: LockedRun,
  cause: StopCause,
  last: EndedAttempt | undefined,
  next: number,
): EndedRun {
  const outcome = judgeEnd(0, cause, plan.output);
  const remarks = last === undefined ? [] : [`it was waiting for attempt ${next}`];
  return { kind: "ended", outcome, remarks, details: [outcome.summary, ...remarks], pipeline: last?.pipeline };
}

/** The end of a run with the outcome of its last attempt. @param remark reason why no further attempt follows */
function endWith({ outcome, details, remarks, pipeline }: EndedAttempt, remark?: string): EndedRun {
  const more = remark === undefined ? [] : [remark];
  return { kind: "ended", outcome, details: [...details, ...more], remarks: [...remarks, ...more], pipeline };
}

/**
 * Finds the next step after an attempt. Never rejects, because the run must be recorded.
 *
 * @param made number of attempts
 */
type FindNextStep = (attempt: EndedAttempt, made: number) => Promise<NextStep>;

/** Loads the code of a retry policy before the pipeline starts: an upgrade may replace the files during the run. */
async function loadRetries(run: LockedRun): Promise<FindNextStep> {
  if (run.plan.policies.retries === undefined) return async () => ({ kind: "end" });
  const { waitForNextAttempt } = await import("./policies/retries.ts");
  return async (attempt, made) => {
    if (attempt.outcome.kind === "succeeded") return { kind: "end" };
    try {
      return await waitForNextAttempt(run, attempt, made);
    } catch (error) {
      const detail = errorMessage(error);
      run.log.error("no further attempt", { detail });
      return { kind: "end", remark: `no further attempt, because ${detail}` };
    }
  };
}

/**
 * Called once, when the first attempt was started or could not be started.
 *
 * @param isRunning whether it was started
 */
type OnStarted = (isRunning: boolean) => Promise<void>;

/** Makes attempts until the run ends. @param attempts gets each attempt that has ended */
async function repeatAttempts(run: LockedRun, onStarted: OnStarted, attempts: AttemptRecord[]): Promise<RunEnd> {
  const findNextStep = await loadRetries(run);
  let last: EndedAttempt | undefined;
  for (let number = 1; ; number++) {
    const startedAt = last === undefined ? run.startedAt : run.host.now();
    const started = await startAttempt(run, number);
    // Both begin at once, because Node discards output that was not read before the process ended.
    const [attempt] = await Promise.all([
      started.kind === "started" ? superviseAttempt(run, started.pipeline, startedAt) : started,
      last === undefined ? onStarted(started.kind === "started") : undefined,
    ]);
    if ("kind" in attempt) {
      if (attempt.kind === "stopped") return stoppedRun(run, attempt.cause, last, number);
      if (attempt.kind === "not-started" && last !== undefined) {
        attempts.push(failedStart(run, attempt.error, startedAt));
      }
      return attempt;
    }
    const { refusal } = attempt;
    if (refusal?.kind === "skip") {
      if (last === undefined) return { kind: "skip", skip: { ...refusal, slot: run.slot } };
      return endWith(last, `attempt ${number} ${refusal.detail}`);
    }
    attempts.push(attempt.record);
    const next = await findNextStep(attempt, number);
    if (next.kind === "stopped") return stoppedRun(run, next.cause, attempt, number + 1);
    if (next.kind === "end") return endWith(attempt, next.remark);
    last = attempt;
  }
}

/** Starts the pipeline and runs it to its end, and again as long as the retry policy says so. */
export async function runAttempts(run: LockedRun, onStarted: OnStarted): Promise<RunEnd> {
  const attempts: AttemptRecord[] = [];
  const end = await repeatAttempts(run, onStarted, attempts);
  const [first, second] = attempts;
  const isSingle = second === undefined && end.kind === "ended" && end.outcome.kind === first?.outcome;
  return first === undefined || isSingle ? end : { ...end, attempts };
}
