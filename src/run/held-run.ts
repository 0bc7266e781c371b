import { lockOf } from "../command/request.ts";
import { EXIT, errorMessage, SchedError } from "../errors.ts";
import { writeLastRun } from "../history/last.ts";
import type { RunRecord } from "../history/record.ts";
import { appendRecord } from "../history/store.ts";
import { type Begun, beginPipeline, type HeldRun } from "./begin.ts";
import { clearLeftovers, findTraces } from "./leftovers.ts";
import { wasRefused } from "./obstacle.ts";
import { judgeEnd, type Outcome } from "./outcome.ts";
import { recordOf } from "./record.ts";
import { readTail, renderEnd, renderReport } from "./report.ts";
import { skipBlocked } from "./skip.ts";
import { stayWithPipeline } from "./stay.ts";

/** The record of a run, however it went. */
export const runRecord = (
  { plan, host, start }: Pick<HeldRun, "plan" | "host" | "start">,
  { kind, exitCode }: Outcome,
  more: Pick<RunRecord, "detail" | "log">,
): RunRecord => recordOf(plan, host, start, { outcome: kind, exitCode, ...more });

/** From here on no other start runs the slot. What cannot be noted any more does not end a pipeline that runs. */
async function settleSlot({ claim, host, notes }: HeldRun): Promise<void> {
  try {
    await claim?.settle();
  } catch (error) {
    notes.error("slot not noted", { detail: errorMessage(error) });
    host.stderr.write(`pipelinewise-sched: ${errorMessage(error)}\n`);
  }
}

async function keepRecord({ plan, host }: HeldRun, record: RunRecord): Promise<void> {
  await appendRecord(plan.paths, host, record);
  await writeLastRun(plan.paths, host, record);
}

/** Its own check is the last one: of a run that began when we had looked already. */
const wasRefusedByPipelineWise = async ({ code, log }: { code: number; log: string | undefined }): Promise<boolean> =>
  code === 1 && log !== undefined && wasRefused(code, await readTail(log));

/** A pipeline that was killed leaves its pidfile, and a log that PipelineWise shows as running for ever. */
async function clearOwnLeftovers({ plan, host, notes }: HeldRun, record: RunRecord): Promise<void> {
  try {
    const traces = await findTraces(plan.paths, lockOf(plan.entry), host, { ourRuns: [record] });
    if (traces.kind === "leftovers") await clearLeftovers(traces.leftovers, notes);
  } catch (error) {
    notes.warn("did not look for leftovers", { detail: errorMessage(error) });
  }
}

/** What cannot be told is no other end of the run. */
async function tellWhatWasMissed({ plan, host, start, notes }: HeldRun): Promise<void> {
  if (!plan.manners.tellMissed) return;
  try {
    const { tellMissed } = await import("./missed.ts");
    await tellMissed(plan, host, start);
  } catch (error) {
    notes.error("missed slots not told", { detail: errorMessage(error) });
    host.stderr.write(`pipelinewise-sched: ${errorMessage(error)}\n`);
  }
}

/** Tells of a run that did not succeed: to cron's mail with the last lines, else in a line, as the output was seen. */
async function tellEnd({ plan, host }: HeldRun, outcome: Outcome, record: RunRecord): Promise<void> {
  if (outcome.kind === "succeeded") return;
  const log = record.log;
  if (plan.manners.passThrough) {
    host.stderr.write(`${renderEnd(record, outcome.words)}${log === undefined ? "" : `; log: ${log}`}\n`);
  } else {
    host.stderr.write(renderReport(record, outcome.words, log === undefined ? "" : await readTail(log)));
  }
}

/** Starts the pipeline, stays with it, and records how it ended. @returns the code to end with */
export async function runHoldingLock(run: HeldRun): Promise<number> {
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
    // Nothing was started, and that is a failed run: `status` shows it, cron's mail says why.
    const detail = errorMessage(error);
    const exitCode = error instanceof SchedError ? error.exitCode : EXIT.bug;
    notes.error("not started", { detail });
    await settleSlot(run);
    await keepRecord(run, runRecord(run, { kind: "failed", exitCode, words: detail }, { detail })).catch((second) => {
      host.stderr.write(`pipelinewise-sched: ${errorMessage(second)}\n`);
    });
    throw error;
  }
  // Also where we were asked to stop before anything had started.
  await settleSlot(run);
  const end = begun === undefined ? { code: 0, cause: asked } : await stayWithPipeline(run, begun);
  await settleSlot(run);
  const log = begun?.log.path;
  if (end.cause === undefined && (await wasRefusedByPipelineWise({ ...end, log }))) {
    return skipBlocked(run, "external", "was refused by PipelineWise: it says that another instance is running");
  }
  const outcome = judgeEnd(end.code, end.cause);
  const detail = end.cause === undefined ? undefined : outcome.words;
  const record = runRecord(run, outcome, { log, detail });
  const note = outcome.kind === "succeeded" ? notes.info : notes.warn;
  note("ended", { outcome: outcome.kind, code: end.code, exitCode: outcome.exitCode });
  // Without the lock they may be another run's by now.
  if (outcome.kind !== "succeeded" && outcome.kind !== "lock-lost") await clearOwnLeftovers(run, record);
  await tellEnd(run, outcome, record);
  await tellWhatWasMissed(run);
  try {
    await keepRecord(run, record);
  } catch (error) {
    if (outcome.exitCode === EXIT.ok) throw error;
    // The pipeline's own code says more than ours would.
    host.stderr.write(`pipelinewise-sched: ${errorMessage(error)}\n`);
  }
  return outcome.exitCode;
}
