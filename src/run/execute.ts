import { errorMessage, StoreError } from "../errors.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import { entryLabel } from "../pipeline-id.ts";
import type { SlotClaim } from "../slots/store.ts";
import { type RunEnd, runAttempts, stoppedRun } from "./attempt.ts";
import { acquireLock } from "./checks/acquire-lock.ts";
import { clearLeftovers } from "./checks/leftovers.ts";
import { CHECKS_BEFORE_ATTEMPT, searchEvidenceOnce } from "./checks/preflight.ts";
import { slotStillOpen } from "./checks/slot.ts";
import type { LockedContext, LockedRun, RunContext, Skip } from "./context.ts";
import type { StopCause } from "./outcome.ts";
import { followOverlapPolicy } from "./policies/overlap.ts";
import { type StopSignals, takeStopSignals } from "./process/stop-signals.ts";
import { watchStopRequests } from "./process/watch-stop-requests.ts";
import { recordRun, recordStoppedEarly, reportFault } from "./records/finish.ts";
import { recordSkip } from "./records/skip.ts";
import { openWrapperLog } from "./wrapper-log/wrapper-log.ts";

/**
 * Executes a start that passed the quick checks: acquires the lock, checks again, runs the pipeline, records the outcome
 * and releases the lock.
 *
 * @returns the exit code
 */
export async function execute(context: RunContext): Promise<number> {
  // This comes before the lock's library is loaded: the library's own handlers would release the lock while the
  // pipeline is running.
  const signals = takeStopSignals(context.host);
  try {
    return await executeUnlessHeld(context, signals);
  } finally {
    signals.close();
  }
}

async function executeUnlessHeld(context: RunContext, signals: StopSignals): Promise<number> {
  await context.store.history.assertWritable();
  const first = await acquireLock(context, signals);
  const result = first.kind === "held" ? await followOverlapPolicy(context, signals, first) : first;
  if (result.kind === "skip") return recordSkip(context, result.skip);
  if (result.kind === "stopped") return recordStoppedEarly(context, result);
  const run = { ...result.context, signals, lock: result.lock, evidence: searchEvidenceOnce(result.context) };
  let exitCode: number;
  try {
    for (const check of [slotStillOpen, stillFollows, ...CHECKS_BEFORE_ATTEMPT]) {
      const skip = await check(run);
      if (skip !== undefined) return await recordSkip(run, skip);
    }
    exitCode = await executeLocked(run);
  } finally {
    await releaseLock(run);
    await sendAlerts(run);
  }
  if (run.plan.order !== undefined) {
    const { startFollowers } = await import("./policies/after.ts");
    await startFollowers(run, run.plan.order);
  }
  return exitCode;
}

/** Executes a start that passed all checks and holds the lock. */
async function executeLocked(context: LockedContext): Promise<number> {
  const { plan, host, id, lock, store, timing } = context;
  const { tap, target, command } = plan.entry;
  const log = await openWrapperLog(plan.paths, host, { run: id, tap, target, command });
  try {
    const everyMs = timing.heartbeatMs ?? LOCK_TIMING.heartbeatMs;
    const requests = watchStopRequests(store.requests(lock.token), host, { everyMs, log });
    const run: LockedRun = { ...context, log, requests };
    try {
      return await executeWithPlaces(run);
    } finally {
      await requests.close().catch((error) => reportFault(run, "could not remove a stop request", error));
    }
  } finally {
    await log.close();
  }
}

/** Takes the places that the schedule's limits require, which may take long, and goes on with them. */
async function executeWithPlaces(run: LockedRun): Promise<number> {
  const { limits } = run.plan;
  if (limits === undefined) return executeWithSlot(run);
  const { takePlaces } = await import("./limits/wait.ts");
  const result = await takePlaces(run, limits);
  if (result.kind === "skip") return recordSkip(run, result.skip);
  if (result.kind === "stopped") return executeWithSlot(run, result.cause);
  try {
    return result.waited ? await executeAfterWait(run) : await executeWithSlot(run);
  } finally {
    await result.release().catch((error) => reportFault(run, "could not free its places", error));
  }
}

/** Checks again what may have changed during a wait. */
async function executeAfterWait(before: LockedRun): Promise<number> {
  const run = { ...before, evidence: searchEvidenceOnce(before) };
  for (const check of CHECKS_BEFORE_ATTEMPT) {
    const skip = await check(run);
    if (skip !== undefined) return recordSkip(run, skip);
  }
  return executeWithSlot(run);
}

/**
 * Runs the pipeline with the claim to the slot, and records the end.
 *
 * @param stopped a reason for which the pipeline is not started any more
 */
async function executeWithSlot(run: LockedRun, stopped?: StopCause): Promise<number> {
  const { id, slot, store } = run;
  const claim = slot && (await store.slots.claim({ slot, run: id }));
  try {
    if (stopped !== undefined) {
      if (stopped.kind !== "lock-lost") await commitSlot(run, claim);
      return await recordRun(run, stoppedRun(run, stopped, undefined, 1));
    }
    await loadForEnd(run);
    await clearBeforeStart(run);
    await markFollowed(run);
    const end = await runBefore(run);
    const onStarted = async (isRunning: boolean): Promise<void> => {
      await commitSlot(run, claim);
      await noteStart(run, isRunning);
    };
    if (end === undefined) return await recordRun(run, await runAttempts(run, onStarted));
    await onStarted(false);
    return await recordRun(run, end);
  } finally {
    await closeSlot(run, claim);
  }
}

/** Loads now what the run needs at its end, because an upgrade may replace the program's files during the run. */
async function loadForEnd({ plan: { alerts, order, output, policies } }: LockedRun): Promise<void> {
  await Promise.all([
    import("../history/describe-fault.ts"),
    ...(order === undefined ? [] : [import("./policies/after.ts"), import("./policies/after-files.ts")]),
    ...(alerts?.alerts === undefined ? [] : [import("./alerts.ts")]),
    ...(policies.hooks === undefined ? [] : [import("./policies/hooks.ts")]),
    ...(output.recordMissed ? [import("./records/missed-slots.ts")] : []),
  ]);
}

/** The skip of a start after other pipelines, if another start has come first. */
async function stillFollows(run: LockedContext): Promise<Skip | undefined> {
  if (run.plan.triggeredBy === undefined) return undefined;
  const { skipUnlessReady } = await import("./policies/after.ts");
  return skipUnlessReady(run);
}

/** Notes after which runs of its predecessors the entry starts, if it has any. */
async function markFollowed({ plan, host }: LockedRun): Promise<void> {
  if (plan.order === undefined || plan.order.after.length === 0) return;
  const { writeFollowed } = await import("./policies/after-files.ts");
  await writeFollowed(plan.paths, { ...plan.entry, after: plan.order.after }, host.uid);
}

/** Runs the `before` hook, if there is one. @returns the end of the run, if the pipeline must not be started */
async function runBefore(run: LockedRun): Promise<RunEnd | undefined> {
  const { hooks } = run.plan.policies;
  if (hooks?.before === undefined) return undefined;
  const { runBeforeHook } = await import("./policies/hooks.ts");
  return runBeforeHook(run, hooks.before);
}

/** Logs what is special about the lock, and removes what a dead run left. */
async function clearBeforeStart({ lock, log, evidence }: LockedRun): Promise<void> {
  if (lock.limitation !== undefined) log.warn(lock.limitation);
  if (lock.tookOverFrom !== undefined) log.warn("took over the lock of a dead run", { from: lock.tookOverFrom.runId });
  const found = await evidence();
  if (found.kind === "none") await clearLeftovers(found.leftovers, log);
}

/**
 * Records the slot as handled, also if nothing could be started, so that no other start runs it. A failure does not
 * stop a running pipeline.
 */
async function commitSlot(run: LockedRun, claim: SlotClaim | undefined): Promise<void> {
  const ahead = claim && (await run.store.slots.findOwnAhead().catch(() => undefined));
  if (ahead !== undefined) {
    run.host.stderr.write(
      `pipelinewise-sched: ${entryLabel(run.plan.entry)}: this host's clock was ahead: it had recorded the slot ${ahead.slot.toISOString()}, which is in the future; corrected to ${run.slot?.toISOString()}\n`,
    );
  }
  await claim?.commit().catch((error) => reportFault(run, "could not record the slot as handled", error));
}

/** Notes the start of the run for its alerts. A failure does not stop a running pipeline. */
async function noteStart(run: LockedRun, isRunning: boolean): Promise<void> {
  if (run.plan.alerts?.alerts === undefined) return;
  try {
    const alerts = await import("./alerts.ts");
    await alerts.noteStart(run, isRunning);
  } catch (error) {
    reportFault(run, "could not store an alert", error);
  }
}

/** Ends the claim to the slot before the lock is released. */
async function closeSlot(run: LockedRun, claim: SlotClaim | undefined): Promise<void> {
  await claim?.close().catch((error) => reportFault(run, "could not record the slot as handled", error));
}

/** Starts the process that sends alerts, if the schedule has some to send. It costs the run nothing. */
async function sendAlerts({ plan: { alerts, paths }, host }: LockedContext): Promise<void> {
  if (alerts?.alerts === undefined) return;
  try {
    const { startSenderIfNeeded } = await import("./alerts.ts");
    await startSenderIfNeeded({ paths, host, alerts });
  } catch (error) {
    host.stderr.write(`pipelinewise-sched: could not send alerts: ${errorMessage(error)}\n`);
  }
}

/** Releases the lock. A failure does not change the outcome: the next start proves this holder dead. */
async function releaseLock({ lock, host }: LockedContext): Promise<void> {
  try {
    await lock.release();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    host.stderr.write(`pipelinewise-sched: ${error.message}\n`);
  }
}
