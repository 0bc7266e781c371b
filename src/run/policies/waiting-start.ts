import { errorMessage } from "../../errors.ts";
import type { LockHeld } from "../../lock/lock.ts";
import { entryLabel } from "../../pipeline-id.ts";
import type { OverlapPolicy } from "../../policies.ts";
import { startTimer } from "../../system/timer.ts";
import { renderDuration } from "../../text/format-time.ts";
import { acquireLock, claimOf, findSameSlot, type LockResult, reportLost } from "../checks/acquire-lock.ts";
import { overlapSkip, renderHolder } from "../checks/holder.ts";
import { findSlot } from "../checks/slot.ts";
import type { RunContext, Skip } from "../context.ts";
import type { StopCause } from "../outcome.ts";
import { findSetpriv } from "../process/process-group.ts";
import type { StopSignals } from "../process/stop-signals.ts";
import { watchStopRequests } from "../process/watch-stop-requests.ts";
import { isScheduled } from "../records/lost-runs.ts";
import { recordPassedSlots } from "../records/missed-slots.ts";
import { stopOwnRun } from "../stop/stop-run.ts";
import { openWrapperLog, type WrapperLog } from "../wrapper-log/wrapper-log.ts";

/** A start that has the lock, that is skipped after all, or that was asked to stop. */
export type LaterResult = LockResult | { readonly kind: "skip"; readonly skip: Skip };

/** A start that has the waiter lock of its pipeline. */
interface WaitingStart {
  readonly context: RunContext;
  readonly signals: StopSignals;
  readonly log: WrapperLog;
  /** Resolves when the start is asked to stop, by a signal or by `stop`. */
  readonly stopped: Promise<unknown>;
  readonly stopCause: () => StopCause | undefined;
}

/**
 * Time between two looks for stop requests. Each look costs processor time. `stop` waits 40 seconds for an answer from
 * another host. On this host, it sends a wake signal.
 */
const REQUEST_POLL_MS = 30_000;

const skipped = (skip: Skip): LaterResult => ({ kind: "skip", skip });

/** Shows a line if the start shows its output. */
function show({ plan, host }: RunContext, text: string): void {
  if (plan.output.passThrough) host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)} ${text}\n`);
}

/**
 * The start after its wait. It runs the newest slot, as a late start does. If another start only skipped that slot
 * during the wait, this start still runs its own slot.
 */
async function startNow(context: RunContext): Promise<RunContext> {
  const { host, plan, slot } = context;
  const found = slot === undefined || plan.slot?.given !== undefined ? undefined : await findSlot(context);
  const newest = found?.decision.kind === "run" ? found.decision.slot : undefined;
  const now = { ...context, startedAt: host.now() };
  if (newest === undefined || slot === undefined || newest <= slot) return now;
  const missed = context.decision?.kind === "run" ? context.decision.missed : undefined;
  return {
    ...now,
    slot: newest,
    decision: { kind: "run", slot: newest, missed: missed && { ...missed, isLate: false } },
  };
}

/** Tries to acquire the lock. @returns the lock's holder if it is held by a run for another slot */
async function tryAgain({ context, signals, stopCause }: WaitingStart): Promise<LaterResult | LockHeld> {
  const now = await startNow(context);
  const result = await acquireLock(now, signals);
  if (result.kind === "held") {
    const sameSlot = await findSameSlot(now, result, now.store.lock);
    return sameSlot === undefined ? result : skipped(sameSlot);
  }
  if (result.kind === "stopped") return result;
  const cause = stopCause();
  let keep = false;
  try {
    if (cause !== undefined) return { kind: "stopped", cause, leavesSlotOpen: false };
    if (context.slot !== undefined) await recordPassedSlots(now, context.slot);
    keep = true;
    return result;
  } finally {
    if (!keep) await result.lock.release();
  }
}

/** Waits until the start has the lock, at most for the given time. */
async function waitForRun(start: WaitingStart, held: LockHeld, waitMs: number): Promise<LaterResult> {
  const { context, stopped, stopCause, log } = start;
  const { store, host } = context;
  const setpriv = await findSetpriv();
  const endWithParent = setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL"];
  show(context, `${renderHolder(held, host.now())}; waiting for up to ${renderDuration(waitMs)}`);
  log.info("waiting for the running run", { run: held.holder?.runId, waitMs });
  let isLate = false;
  const timer = startTimer(waitMs);
  const late = timer.elapsed.then(() => {
    isLate = true;
  });
  try {
    for (let holder = held; ; ) {
      await store.lock.waitForRelease({ over: Promise.race([stopped, late]), endWithParent });
      const cause = stopCause();
      if (cause !== undefined) return { kind: "stopped", cause, leavesSlotOpen: holder.holder === undefined };
      if (isLate) {
        const skip = overlapSkip(context, holder);
        return skipped({ ...skip, detail: `${skip.detail}; this start waited ${renderDuration(waitMs)}` });
      }
      const result = await tryAgain(start);
      if (result.kind !== "held") return result;
      holder = result;
    }
  } finally {
    timer.cancel();
  }
}

/** Stops the run that has the lock, then takes its place. */
async function replaceRun(start: WaitingStart, held: LockHeld): Promise<LaterResult> {
  const { context, stopCause, log } = start;
  const { store, host, id } = context;
  const { tokens } = await store.lock.inspect();
  const running = tokens.find(({ holder }) => holder?.runId === held.holder?.runId);
  if (running !== undefined) {
    const report = (step: string) => {
      show(context, `is being replaced: ${step}`);
      log.info(step);
    };
    log.info("replacing the running run", { run: running.holder?.runId });
    const by = `run ${id} on host ${host.name}`;
    const isGivenUp = () => stopCause() !== undefined;
    const stop = { by, reason: "on_overlap: replace", now: false, token: running.token, isGivenUp };
    const warn = (text: string) => log.warn(text);
    const { kind, summary } = await stopOwnRun({ store, host, report, warn }, stop);
    const cause = stopCause();
    if (cause !== undefined) return { kind: "stopped", cause, leavesSlotOpen: false };
    if (kind === "alive") return skipped({ ...overlapSkip(context, held), detail: summary });
  }
  const result = await tryAgain(start);
  return result.kind === "held" ? skipped(overlapSkip(context, result)) : result;
}

/**
 * Follows a policy that lets the start run later. One start at a time does that for each pipeline: it holds the waiter
 * lock, whose rules are those of the pipeline's lock. Other starts are skipped.
 */
export async function startLater(
  context: RunContext,
  signals: StopSignals,
  { held, policy }: { readonly held: LockHeld; readonly policy: OverlapPolicy },
): Promise<LaterResult> {
  const { store, host, plan, id } = context;
  if (policy === "replace" && (held.holder === undefined || !isScheduled(held.holder))) {
    const skip = overlapSkip(context, held);
    const reason = held.holder === undefined ? "" : "; that run was started by hand, so it is not replaced";
    return skipped({ ...skip, detail: skip.detail + reason });
  }
  const waiter = store.openWaiter();
  const claim = await claimOf(context, (dead) => reportLost(waiter, host, dead));
  const entered = await waiter.lock.acquire(claim, { giveUp: signals.first });
  if (entered.kind === "held") {
    const sameSlot = await findSameSlot(context, entered, waiter.lock);
    const skip = overlapSkip(context, held);
    const who = entered.holder === undefined ? "" : ` (host ${entered.holder.host}, pid ${entered.holder.pid})`;
    return skipped(sameSlot ?? { ...skip, detail: `${skip.detail}; another start already waits${who}` });
  }
  const report = (error: unknown) => void host.stderr.write(`pipelinewise-sched: ${errorMessage(error)}\n`);
  const { tap, target, command } = plan.entry;
  const log = await openWrapperLog(plan.paths, host, { run: id, tap, target, command });
  const requests = watchStopRequests(waiter.requests(entered.lock.token), host, { everyMs: REQUEST_POLL_MS, log });
  let request: StopCause | undefined;
  const requested = requests.first.then((cause) => {
    request = cause;
    requests.acknowledge("the start no longer waits");
  });
  const start: WaitingStart = {
    context,
    signals,
    log,
    stopped: Promise.race([signals.first, requested]),
    stopCause: () => signals.cause() ?? request,
  };
  try {
    return await (policy === "replace" ? replaceRun(start, held) : waitForRun(start, held, policy.waitMs));
  } finally {
    // None of these may fail: the start may have the pipeline's lock now, and its caller releases that.
    await requests.close().catch(report);
    await log.close().catch(report);
    await entered.lock.release().catch(report);
  }
}
