import { EXIT, errorMessage, SchedError, StoreError } from "../errors.ts";
import type { RunRecord } from "../history/record.ts";
import { appendRecord, demandWritableHistory, writeLastRun } from "../history/store.ts";
import type { Host } from "../host.ts";
import type { HeldLock } from "../lock/lock.ts";
import { entryLabel, lockOf } from "../pipeline-id.ts";
import { claimSlot } from "../slots/store.ts";
import { clearLeftovers, findTraces } from "./checks/leftovers.ts";
import { acquireUnlessStopped, type Execution, findDone, findTwin } from "./checks/lock.ts";
import { lookAhead, wasRefused } from "./checks/preflight.ts";
import { judgeEnd, type Outcome, readTail, renderEnd, renderReport } from "./outcome.ts";
import type { RunPlan } from "./plan.ts";
import { type Begun, beginPipeline, type HeldRun, stayWithPipeline } from "./process/pipeline.ts";
import { recordOf } from "./record.ts";
import { skipBlocked, skipOverlap, skipSlot } from "./skip.ts";
import { openNotes } from "./wrapper-log.ts";

/** The record of a run. */
const runRecord = (
  { plan, host, start }: Pick<HeldRun, "plan" | "host" | "start">,
  { kind, exitCode }: Outcome,
  more: Pick<RunRecord, "detail" | "log">,
): RunRecord => recordOf(plan, host, start, { outcome: kind, exitCode, ...more });

/** Records the slot as handled, so that no other start runs it. A failure does not stop a running pipeline. */
async function settleSlot({ claim, host, notes }: HeldRun): Promise<void> {
  try {
    await claim?.settle();
  } catch (error) {
    notes.error("could not record the slot as handled", { detail: errorMessage(error) });
    host.stderr.write(`pipelinewise-sched: ${errorMessage(error)}\n`);
  }
}

async function keepRecord({ plan, host }: HeldRun, record: RunRecord): Promise<void> {
  await appendRecord(plan.paths, host, record);
  await writeLastRun(plan.paths, host, record);
}

/** PipelineWise's own check also finds a foreign run that started after our check. */
const wasRefusedByPipelineWise = async ({ code, log }: { code: number; log: string | undefined }): Promise<boolean> =>
  code === 1 && log !== undefined && wasRefused(code, await readTail(log));

/** A pipeline that was killed leaves its pidfile, and a log that PipelineWise shows as running forever. */
async function clearOwnLeftovers({ plan, host, notes }: HeldRun, record: RunRecord): Promise<void> {
  try {
    const traces = await findTraces(plan.paths, lockOf(plan.entry), host, { ourRuns: [record] });
    if (traces.kind === "leftovers") await clearLeftovers(traces.leftovers, notes);
  } catch (error) {
    notes.warn("could not check for leftovers", { detail: errorMessage(error) });
  }
}

/** Records missed slots, if the plan says so. A failure does not change the outcome of the run. */
async function tellWhatWasMissed({ plan, host, start, notes }: HeldRun): Promise<void> {
  if (!plan.manners.tellMissed) return;
  try {
    const { tellMissed } = await import("./missed-slots.ts");
    await tellMissed(plan, host, start);
  } catch (error) {
    notes.error("could not record the missed slots", { detail: errorMessage(error) });
    host.stderr.write(`pipelinewise-sched: ${errorMessage(error)}\n`);
  }
}

/** Reports a run that did not succeed: with the last lines for cron's mail, or in one line if the output was shown. */
async function tellEnd({ plan, host }: HeldRun, outcome: Outcome, record: RunRecord): Promise<void> {
  if (outcome.kind === "succeeded") return;
  const log = record.log;
  if (plan.manners.passThrough) {
    host.stderr.write(`${renderEnd(record, outcome.words)}${log === undefined ? "" : `; log: ${log}`}\n`);
  } else {
    host.stderr.write(renderReport(record, outcome.words, log === undefined ? "" : await readTail(log)));
  }
}

/**
 * Starts the pipeline, waits until it ends and records the outcome.
 *
 * @returns the exit code
 */
async function runHoldingLock(run: HeldRun): Promise<number> {
  const { host, lock, notes, signals } = run;
  if (lock.weakness !== undefined) notes.warn(lock.weakness);
  if (lock.tookOverFrom !== undefined)
    notes.warn("took over the lock of a dead run", { from: lock.tookOverFrom.runId });
  await clearLeftovers(run.leftovers, notes);
  const asked = signals.cause();
  let begun: Begun | undefined;
  try {
    begun = asked === undefined ? await beginPipeline(run) : undefined;
  } catch (error) {
    // Nothing was started. That is a failed run, so that `status` shows it and cron's mail gives the reason.
    const detail = errorMessage(error);
    const exitCode = error instanceof SchedError ? error.exitCode : EXIT.bug;
    notes.error("not started", { detail });
    await settleSlot(run);
    await keepRecord(run, runRecord(run, { kind: "failed", exitCode, words: detail }, { detail })).catch((second) => {
      host.stderr.write(`pipelinewise-sched: ${errorMessage(second)}\n`);
    });
    throw error;
  }
  // Also if a stop was requested before anything was started.
  await settleSlot(run);
  const end = begun === undefined ? { code: 0, cause: asked } : await stayWithPipeline(run, begun);
  await settleSlot(run);
  const log = begun?.log.path;
  if (end.cause === undefined && (await wasRefusedByPipelineWise({ ...end, log }))) {
    return skipBlocked(run, "external", "was refused by PipelineWise, which reports that another instance is running");
  }
  const outcome = judgeEnd(end.code, end.cause);
  const detail = end.cause === undefined ? undefined : outcome.words;
  const record = runRecord(run, outcome, { log, detail });
  const note = outcome.kind === "succeeded" ? notes.info : notes.warn;
  note("ended", { outcome: outcome.kind, code: end.code, exitCode: outcome.exitCode });
  // Without the lock, the files may already belong to another run.
  if (outcome.kind !== "succeeded" && outcome.kind !== "lock-lost") await clearOwnLeftovers(run, record);
  await tellEnd(run, outcome, record);
  await tellWhatWasMissed(run);
  try {
    await keepRecord(run, record);
  } catch (error) {
    if (outcome.exitCode === EXIT.ok) throw error;
    // The pipeline's exit code is more useful than this error's.
    host.stderr.write(`pipelinewise-sched: ${errorMessage(error)}\n`);
  }
  return outcome.exitCode;
}

/**
 * Executes a run after the quick checks: lock, pipeline, record.
 *
 * @returns the exit code
 */
export async function execute(plan: RunPlan, host: Host, execution: Execution): Promise<number> {
  const { start, signals } = execution;
  await demandWritableHistory(plan.paths, host);
  const attempt = await acquireUnlessStopped(plan, host, execution);
  if (attempt === undefined) {
    const outcome = judgeEnd(0, signals.cause());
    const detail = `${outcome.words} before it started`;
    host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)} ${detail}\n`);
    await appendRecord(plan.paths, host, runRecord({ plan, host, start }, outcome, { detail }));
    return outcome.exitCode;
  }
  if (attempt.kind === "held") {
    const twin = await findTwin(plan, host, execution, attempt);
    return twin === undefined ? skipOverlap(plan, host, start, attempt) : skipSlot(plan, host, start, twin);
  }
  const { lock } = attempt;
  try {
    const twin = await findDone(plan, host, start);
    if (twin !== undefined) return await skipSlot(plan, host, start, twin);
    const way = await lookAhead(plan.paths, plan.entry, host);
    return way.kind === "blocked"
      ? await skipBlocked({ plan, host, start }, way.reason, way.detail)
      : await runWithNotes({ ...execution, plan, host, lock, leftovers: way.leftovers });
  } finally {
    await giveBack(lock, host);
  }
}

/** Releases the lock. A failure does not change the outcome: the next start proves this holder dead. */
async function giveBack(lock: HeldLock, host: Host): Promise<void> {
  try {
    await lock.release();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    host.stderr.write(`pipelinewise-sched: ${error.message}\n`);
  }
}

async function runWithNotes(run: Omit<HeldRun, "notes" | "claim">): Promise<number> {
  const { plan, host, start } = run;
  const { tap, target, command } = plan.entry;
  const { slot, id } = start;
  const claim = slot && (await claimSlot(plan.paths, plan.entry, host, { slot, run: id }));
  try {
    const notes = await openNotes(plan.paths, host, { run: start.id, tap, target, command });
    try {
      return await runHoldingLock({ ...run, notes, claim });
    } finally {
      await notes.close();
    }
  } finally {
    await claim?.drop();
  }
}
