import { errorMessage, type SchedError } from "../errors.ts";
import type { AttemptRecord } from "../history/record.ts";
import { renderDuration } from "../text/format-time.ts";
import { maskValues } from "../text/mask.ts";
import { clearLeftovers, findFileEvidence } from "./checks/leftovers.ts";
import type { LockedRun } from "./context.ts";
import { judgeEnd, type Outcome, readTail } from "./outcome.ts";
import type { StartedPipeline } from "./process/start.ts";
import type { PipelineEnd } from "./process/supervise.ts";
import { recordOf } from "./records/record.ts";
import { findRefusal, type PipelinewiseRefusal } from "./records/refused.ts";
import { environmentSecrets } from "./secrets.ts";

/** An attempt that has ended. */
export interface EndedAttempt {
  readonly outcome: Outcome;
  /** The reason why PipelineWise refused to run; `undefined` if it ran. */
  readonly refusal: PipelinewiseRefusal | undefined;
  /** `undefined` if the pipeline ended by itself. */
  readonly cause: PipelineEnd["cause"];
  /** Sentences that follow the outcome in a report. */
  readonly remarks: readonly string[];
  /** Sentences for the record. */
  readonly details: readonly string[];
  readonly pipeline: StartedPipeline;
  readonly record: AttemptRecord;
}

/** A run may wait for other processes of the pipeline after PipelineWise has ended. A shorter wait is not reported. */
const EARLY_MS = 1_000;

/** Says when PipelineWise itself ended, if other processes of the pipeline continued. */
function renderEarlyEnd({ host }: LockedRun, { processEndedAt }: PipelineEnd, startedAt: Date): string | undefined {
  if (host.now().getTime() - processEndedAt.getTime() < EARLY_MS) return undefined;
  return `PipelineWise itself ended after ${renderDuration(processEndedAt.getTime() - startedAt.getTime())}`;
}

/** The reason why PipelineWise refused to run the pipeline, if it did. */
async function readRefusal(
  { plan }: LockedRun,
  { code, cause }: PipelineEnd,
  { log }: StartedPipeline,
): Promise<PipelinewiseRefusal | undefined> {
  if (cause !== undefined || code === 0) return undefined;
  return findRefusal(code, await readTail(log.path), plan.entry);
}

/** The error of a container engine that could not start the pipeline's container; `undefined` if there is none. */
export async function findStartFault(
  { host }: LockedRun,
  { container, environment, log }: StartedPipeline,
  { code, cause }: PipelineEnd,
): Promise<SchedError | undefined> {
  if (container === undefined || cause !== undefined || code === 0) return undefined;
  const output = await readTail(log.path);
  const secrets = environmentSecrets(host.env, environment);
  return container.startFault(code, output === undefined ? undefined : maskValues(output, secrets));
}

/** Finds out how an attempt ended. */
export async function judgeAttempt(
  run: LockedRun,
  {
    end,
    pipeline,
    startedAt,
  }: { readonly end: PipelineEnd; readonly pipeline: StartedPipeline; readonly startedAt: Date },
): Promise<EndedAttempt> {
  const { cause } = end;
  const refusal = await readRefusal(run, end, pipeline);
  const outcome = judgeEnd(end.code, cause, run.plan.output);
  const remark = refusal?.kind === "unknown" ? refusal.remark : undefined;
  const remarks = [remark, renderEarlyEnd(run, end, startedAt)].filter((text) => text !== undefined);
  const record: AttemptRecord = {
    startedAt: startedAt.toISOString(),
    endedAt: run.host.now().toISOString(),
    exitCode: outcome.exitCode,
    outcome: outcome.kind,
    log: pipeline.log.path,
  };
  const details = cause === undefined ? remarks : [outcome.summary, ...remarks];
  return { outcome, refusal, cause, remarks, details, pipeline, record };
}

/**
 * Removes the files of a pipeline that was killed: its pidfile, and a log by which PipelineWise shows the tap as
 * running for ever.
 */
export async function clearOwnLeftovers(run: LockedRun, { kind }: Pick<Outcome, "kind">): Promise<void> {
  const { host, log, store } = run;
  try {
    const { paths, lock } = store;
    const ourRuns = [recordOf(run, { outcome: kind })];
    const found = await findFileEvidence({ paths, lock: lock.id, host, ourRuns });
    if (found.kind === "none") await clearLeftovers(found.leftovers, log);
  } catch (error) {
    log.warn("could not check for leftovers", { detail: errorMessage(error) });
  }
}
