import { entryKey, entryLabel } from "../command/request.ts";
import { EXIT, errorMessage, SchedError } from "../errors.ts";
import { findProgram } from "../find-program.ts";
import { writeLastRun } from "../history/last.ts";
import type { RunRecord, SkipReason } from "../history/record.ts";
import { appendRecord, demandWritableHistory } from "../history/store.ts";
import type { Host } from "../host.ts";
import {
  type DeadHolder,
  type HeldLock,
  type LockAttempt,
  type LockHeld,
  type LockHolder,
  type PipelineLocks,
  RUN_MARK,
} from "../lock/lock.ts";
import { markedProcesses } from "../lock/pipeline-processes.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import { claimSlot, readHandled, type SlotClaim } from "../slot/handled.ts";
import { flockFile, runLogFile } from "../state-paths.ts";
import { attendPipeline, type PipelineEnd } from "./attend.ts";
import { startPipeline } from "./child.ts";
import { renderDuration } from "./duration.ts";
import { applyEnvironment, readEnvironment } from "./environment.ts";
import { clearLeftovers, findTraces, type Leftovers } from "./leftovers.ts";
import { recordLost } from "./lost.ts";
import { type Notes, openNotes } from "./notes.ts";
import { lookAhead, wasRefused } from "./obstacle.ts";
import { judgeEnd, type Outcome } from "./outcome.ts";
import { openRunLog } from "./output.ts";
import type { RunPlan } from "./plan.ts";
import { recordOf, type Start } from "./record.ts";
import { readTail, renderEnd, renderReport } from "./report.ts";
import { findSetpriv } from "./setpriv.ts";
import { skipOverlap, skipSlot } from "./skip.ts";
import { doneBefore, renderHandler, type SlotSkip, taskOf, twinOf } from "./slot.ts";
import type { StopTiming } from "./stop.ts";
import { watchStopRequests } from "./stop-requests.ts";
import type { StopSignals } from "./stop-signals.ts";

/** For so long a lock may be held before its holder has written who it is. */
const TWIN_WAIT_MS = 1_000;
const TWIN_PAUSE_MS = 20;

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
  /** What a dead run left in the way. */
  readonly leftovers: Leftovers;
  /** The slot that it stands for, ours as soon as the pipeline has started; none for a run by hand. */
  readonly claim: SlotClaim | undefined;
}

/** The record of a run, however it went. */
const runRecord = (
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

const skipBlocked = (
  { plan, host, start }: Pick<HeldRun, "plan" | "host" | "start">,
  reason: SkipReason,
  detail: string,
): Promise<number> => skipSlot(plan, host, start, { kind: "skip", reason, detail, slot: start.slot, quiet: false });

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

async function runHoldingLock(run: HeldRun): Promise<number> {
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
  if (outcome.kind !== "succeeded") await clearOwnLeftovers(run, record);
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
  const claim = {
    host: host.name,
    pid: host.pid,
    uid: host.uid,
    runId: start.id,
    startedAt: start.startedAt,
    task: start.slot === undefined ? entryKey(plan.entry) : taskOf(plan.entry, start.slot),
    onDead: async (dead: DeadHolder) => {
      const how = `found by the next start, on host ${host.name}`;
      await recordLost(plan.paths, plan.entry, dead, { host, how });
    },
  };
  const onWatch = (holder: LockHolder | undefined, leaseMs: number) => {
    const who = holder === undefined ? "whose record is not whole" : `of host ${holder.host}, run ${holder.runId}`;
    const words = `is held by a run ${who}, that is silent; taken over after ${renderDuration(leaseMs)} without a sign of life`;
    if (plan.manners.passThrough) host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)} ${words}\n`);
  };
  const attempt = locks.acquire(plan.paths, plan.entry, claim, { giveUp: signals.first, onWatch });
  const first = await Promise.race([attempt, signals.first.then(() => undefined)]);
  if (first === undefined) {
    const late = await attempt.catch(() => undefined);
    if (late?.kind === "acquired") await late.lock.release();
  }
  return first;
}

/** Now that no one else can: whether another start has done our slot since we looked. */
async function findDone({ paths, entry, slot: slotPlan }: RunPlan, host: Host, { slot }: Start) {
  if (slotPlan === undefined || slot === undefined) return undefined;
  const handled = await readHandled(paths, entry, host.now());
  return handled === undefined || handled.slot < slot ? undefined : doneBefore(slotPlan, slot, renderHandler(handled));
}

/**
 * Whether the start that was quicker than ours is about the same slot, as when two lines of an entry name one minute. Who
 * has only just taken the lock may yet have to say so.
 */
async function findTwin(
  plan: RunPlan,
  host: Host,
  { start, locks }: Execution,
  held: LockHeld,
): Promise<SlotSkip | undefined> {
  if (held.holder !== undefined) return twinOf(plan, start, held.holder);
  if (start.slot === undefined || held.state.kind !== "alive") return undefined;
  for (let waited = 0; waited < TWIN_WAIT_MS; waited += TWIN_PAUSE_MS) {
    const holder = await locks.findLiveHolder(plan.paths, plan.entry);
    const twin = holder === undefined ? await findDone(plan, host, start) : twinOf(plan, start, holder);
    if (twin !== undefined || holder !== undefined) return twin;
    await new Promise((resolve) => setTimeout(resolve, TWIN_PAUSE_MS));
  }
  return undefined;
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
    await lock.release();
  }
}

async function runWithNotes(run: Omit<HeldRun, "notes" | "claim">): Promise<number> {
  const { plan, host, start } = run;
  const { tap, target, command } = plan.entry;
  const { slot } = start;
  const claim = slot === undefined ? undefined : await claimSlot(plan.paths, plan.entry, host, { slot, run: start.id });
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
