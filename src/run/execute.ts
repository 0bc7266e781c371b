import { entryLabel } from "../command/request.ts";
import { EXIT, errorMessage, SchedError } from "../errors.ts";
import { findProgram } from "../find-program.ts";
import { writeLastRun } from "../history/last.ts";
import type { RunRecord } from "../history/record.ts";
import { appendRecord, demandWritableHistory } from "../history/store.ts";
import type { Host } from "../host.ts";
import { type HeldLock, type LockAttempt, type PipelineLocks, RUN_MARK } from "../lock/lock.ts";
import { runLogFile } from "../state-paths.ts";
import { attendPipeline, type PipelineEnd } from "./attend.ts";
import { startPipeline } from "./child.ts";
import { applyEnvironment, readEnvironment } from "./environment.ts";
import { type Notes, openNotes } from "./notes.ts";
import { judgeEnd, type Outcome } from "./outcome.ts";
import { openRunLog } from "./output.ts";
import type { RunPlan } from "./plan.ts";
import { readTail, renderEnd, renderReport } from "./report.ts";
import { findSetpriv } from "./setpriv.ts";
import { type Start, skipOverlap } from "./skip.ts";
import type { StopTiming } from "./stop.ts";
import type { StopSignals } from "./stop-signals.ts";

/** What a run needs beside its plan and its machine. */
export interface Execution {
  readonly start: Start;
  readonly locks: PipelineLocks;
  readonly signals: StopSignals;
  readonly timing: StopTiming;
}

interface HeldRun extends Execution {
  readonly plan: RunPlan;
  readonly host: Host;
  readonly lock: HeldLock;
  readonly notes: Notes;
}

function recordOf(
  { plan, host, start }: Pick<HeldRun, "plan" | "host" | "start">,
  outcome: Outcome,
  more: Partial<RunRecord>,
): RunRecord {
  const { tap, target, command, id } = plan.entry;
  return {
    id: start.id,
    tap,
    target,
    command,
    entry: id,
    outcome: outcome.kind,
    host: host.name,
    scheduled: plan.manners.scheduled,
    startedAt: start.startedAt.toISOString(),
    endedAt: host.now().toISOString(),
    exitCode: outcome.exitCode,
    ...more,
  };
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
    notes.info("started", { child: pipeline.pid, log: log.path });
    const announceStop = () => {
      if (manners.passThrough) host.stderr.write(`pipelinewise-sched: stopping ${entryLabel(entry)}; again to hurry\n`);
    };
    const end = await attendPipeline(pipeline, { host, log, notes, lock, signals, timing, announceStop });
    return { ...end, log: log.path };
  } finally {
    await log.file.close();
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

async function runHoldingLock(run: HeldRun): Promise<number> {
  const { host, lock, notes } = run;
  if (lock.weakness !== undefined) notes.warn(lock.weakness);
  if (lock.tookOverFrom !== undefined)
    notes.warn("took over the lock of a dead run", { from: lock.tookOverFrom.runId });
  let end: Awaited<ReturnType<typeof runPipeline>>;
  try {
    end = await runPipeline(run);
  } catch (error) {
    // Nothing was started, and that is a failed run: `status` shows it, cron's mail says why.
    const detail = errorMessage(error);
    const exitCode = error instanceof SchedError ? error.exitCode : EXIT.bug;
    notes.error("not started", { detail });
    await keepRecord(run, recordOf(run, { kind: "failed", exitCode, words: detail }, { detail })).catch((second) => {
      host.stderr.write(`pipelinewise-sched: ${errorMessage(second)}\n`);
    });
    throw error;
  }
  const outcome = judgeEnd(end.code, end.cause);
  const detail = end.cause === undefined ? undefined : outcome.words;
  const record = recordOf(run, outcome, { log: end.log, detail });
  const note = outcome.kind === "succeeded" ? notes.info : notes.warn;
  note("ended", { outcome: outcome.kind, code: end.code, exitCode: outcome.exitCode });
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

/** The lock, or `undefined` when we were asked to stop while we waited for it. What comes later is given back. */
async function acquireUnlessStopped(plan: RunPlan, host: Host, execution: Execution): Promise<LockAttempt | undefined> {
  const { start, locks, signals } = execution;
  const claim = { host: host.name, pid: host.pid, uid: host.uid, runId: start.id, startedAt: start.startedAt };
  const attempt = locks.acquire(plan.paths, plan.entry, claim);
  const first = await Promise.race([attempt, signals.first.then(() => undefined)]);
  if (first === undefined) {
    const late = await attempt.catch(() => undefined);
    if (late?.kind === "acquired") await late.lock.release();
  }
  return first;
}

/** The whole of a run behind the quick look: lock, pipeline, record. @returns the code to end with */
export async function execute(plan: RunPlan, host: Host, execution: Execution): Promise<number> {
  const { start, signals } = execution;
  await demandWritableHistory(plan.paths, host);
  const attempt = await acquireUnlessStopped(plan, host, execution);
  if (attempt === undefined) {
    const outcome = judgeEnd(0, signals.cause());
    const detail = `${outcome.words} before it began`;
    host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)} ${detail}\n`);
    await appendRecord(plan.paths, host, recordOf({ plan, host, start }, outcome, { detail }));
    return outcome.exitCode;
  }
  if (attempt.kind === "held") return skipOverlap(plan, host, start, attempt);
  const { lock } = attempt;
  const { tap, target, command } = plan.entry;
  try {
    const notes = await openNotes(plan.paths, host, { run: start.id, tap, target, command });
    try {
      return await runHoldingLock({ ...execution, plan, host, lock, notes });
    } finally {
      await notes.close();
    }
  } finally {
    await lock.release();
  }
}
