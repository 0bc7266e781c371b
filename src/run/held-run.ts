import { entryLabel } from "../command/request.ts";
import { EXIT, errorMessage, SchedError } from "../errors.ts";
import { findProgram } from "../find-program.ts";
import { writeLastRun } from "../history/last.ts";
import type { RunRecord } from "../history/record.ts";
import { appendRecord } from "../history/store.ts";
import type { Host } from "../host.ts";
import { type HeldLock, RUN_MARK } from "../lock/lock.ts";
import { markedProcesses } from "../lock/pipeline-processes.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import type { SlotClaim } from "../slot/handled.ts";
import { flockFile, runLogFile } from "../state-paths.ts";
import { attendPipeline, type PipelineEnd } from "./attend.ts";
import { startPipeline } from "./child.ts";
import { applyEnvironment, readEnvironment } from "./environment.ts";
import { clearLeftovers, findTraces, type Leftovers } from "./leftovers.ts";
import type { Notes } from "./notes.ts";
import { wasRefused } from "./obstacle.ts";
import { judgeEnd, type Outcome } from "./outcome.ts";
import { openRunLog } from "./output.ts";
import type { RunPlan } from "./plan.ts";
import { recordOf } from "./record.ts";
import { readTail, renderEnd, renderReport } from "./report.ts";
import { findSetpriv } from "./setpriv.ts";
import { skipBlocked } from "./skip.ts";
import { watchStopRequests } from "./stop-requests.ts";
import type { Execution } from "./take-lock.ts";

/** A run that has its pipeline's lock. */
export interface HeldRun extends Execution {
  readonly plan: RunPlan;
  readonly host: Host;
  readonly lock: HeldLock;
  readonly notes: Notes;
  /** What a dead run left in the way. */
  readonly leftovers: Leftovers;
  /** The slot that it stands for, ours as soon as the pipeline has started; none for a run by hand. */
  readonly claim: SlotClaim | undefined;
}

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

/** Finds, reads and opens all that the pipeline needs, then starts it and stays until all of it has ended. */
async function runPipeline(run: HeldRun): Promise<PipelineEnd & { readonly log: string | undefined }> {
  const { plan, host, lock, notes, signals, timing, start } = run;
  const asked = signals.cause();
  if (asked !== undefined) return { code: 0, cause: asked, log: undefined };
  const { paths, entry, words, manners } = plan;
  const changes = await readEnvironment(plan.environment, paths.configDir, host);
  const env: NodeJS.ProcessEnv = { ...applyEnvironment(host, changes), [RUN_MARK]: lock.token };
  const program = await findProgram(words[0] ?? "", env["PATH"]);
  const setpriv = await findSetpriv();
  const log = await openRunLog(paths, runLogFile(paths, entry, start), host.uid);
  try {
    const pipeline = await startPipeline({
      words: [program, ...words.slice(1)],
      env,
      cwd: host.cwd,
      stdin: lock.stdin,
      output: manners.passThrough ? "pipe" : log.file.fd,
      setpriv,
    });
    await settleSlot(run);
    notes.info("started", { child: pipeline.pid, log: log.path });
    const announceStop = () => {
      if (manners.passThrough) host.stderr.write(`pipelinewise-sched: stopping ${entryLabel(entry)}; again to hurry\n`);
    };
    const everyMs = timing.heartbeatMs ?? LOCK_TIMING.heartbeatMs;
    const requests = watchStopRequests({ paths, pipeline: entry, token: lock.token }, host, { everyMs, notes });
    const marked = markedProcesses(lock.token, flockFile(paths, entry));
    try {
      const end = await attendPipeline(pipeline, {
        ...{ host, log, notes, lock, signals, requests, marked, timing, announceStop },
      });
      return { ...end, log: log.path };
    } finally {
      await requests.close();
    }
  } finally {
    await log.file.close();
  }
}

/** Its own check is the last one: of a run that began when we had looked already. */
const wasRefusedByPipelineWise = async ({ code, log }: { code: number; log: string | undefined }): Promise<boolean> =>
  code === 1 && log !== undefined && wasRefused(code, await readTail(log));

/** A pipeline that was killed leaves its pidfile, and a log that PipelineWise shows as running for ever. */
async function clearOwnLeftovers({ plan, host, notes }: HeldRun, record: RunRecord): Promise<void> {
  try {
    const traces = await findTraces(plan.paths, plan.entry, host, { ourRuns: [record] });
    if (traces.kind === "leftovers") await clearLeftovers(traces.leftovers, notes);
  } catch (error) {
    notes.warn("did not look for leftovers", { detail: errorMessage(error) });
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
  const { host, lock, notes } = run;
  if (lock.weakness !== undefined) notes.warn(lock.weakness);
  if (lock.tookOverFrom !== undefined)
    notes.warn("took over the lock of a dead run", { from: lock.tookOverFrom.runId });
  await clearLeftovers(run.leftovers, notes);
  let end: Awaited<ReturnType<typeof runPipeline>>;
  try {
    end = await runPipeline(run);
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
  if (end.cause === undefined && (await wasRefusedByPipelineWise(end))) {
    return skipBlocked(run, "external", "was refused by PipelineWise: it says that another instance is running");
  }
  const outcome = judgeEnd(end.code, end.cause);
  const detail = end.cause === undefined ? undefined : outcome.words;
  const record = runRecord(run, outcome, { log: end.log, detail });
  const note = outcome.kind === "succeeded" ? notes.info : notes.warn;
  note("ended", { outcome: outcome.kind, code: end.code, exitCode: outcome.exitCode });
  // Without the lock they may be another run's by now.
  if (outcome.kind !== "succeeded" && outcome.kind !== "lock-lost") await clearOwnLeftovers(run, record);
  await tellEnd(run, outcome, record);
  try {
    await keepRecord(run, record);
  } catch (error) {
    if (outcome.exitCode === EXIT.ok) throw error;
    // The pipeline's own code says more than ours would.
    host.stderr.write(`pipelinewise-sched: ${errorMessage(error)}\n`);
  }
  return outcome.exitCode;
}
