import type { Host } from "../../host.ts";
import type { DeadHolder, HeldLock, LockClaim, LockHeld, LockHolder } from "../../lock/lock.ts";
import { entryLabel } from "../../pipeline-id.ts";
import { renderDuration } from "../../text/format-time.ts";
import type { RunContext, Skip } from "../context.ts";
import type { StopCause } from "../outcome.ts";
import type { PipelineLock, PipelineStore } from "../pipeline-store.ts";
import { findSetpriv } from "../process/process-group.ts";
import type { StopSignals } from "../process/stop-signals.ts";
import { recordLost, showLost } from "../records/lost-runs.ts";
import { lockPurpose, sameSlotSkip } from "./holder.ts";
import { slotStillOpen } from "./slot.ts";

/** Maximum wait for a new holder's owner record. */
const SAME_SLOT_WAIT_MS = 1_000;
const SHORTEST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

const NO_SETPRIV =
  "setpriv (util-linux) not found or not executable: a pipeline survives if its wrapper is killed, and later runs are skipped until it ends";

/** A start that has the lock, or was asked to stop before it had it. */
export type LockResult =
  | { readonly kind: "acquired"; readonly lock: HeldLock; readonly context: RunContext }
  | EarlyStop;

/** A start that was asked to stop before it had the lock. */
export interface EarlyStop {
  readonly kind: "stopped";
  readonly cause: StopCause;
  /** The slot is not recorded as handled, because a lock holder may be about to run it. */
  readonly leavesSlotOpen: boolean;
}

/**
 * Waits for the owner record of an unknown holder, which may be new and may run for the same slot, as when two hosts start
 * an entry in one minute.
 */
async function waitForSameSlot(context: RunContext, lock: Pick<PipelineLock, "readHolder">): Promise<Skip | undefined> {
  let pause = SHORTEST_PAUSE_MS;
  for (let waited = 0; waited < SAME_SLOT_WAIT_MS; waited += pause) {
    const holder = await lock.readHolder();
    if (holder !== undefined) return sameSlotSkip(context, holder);
    const handled = await slotStillOpen(context);
    if (handled !== undefined) return handled;
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return undefined;
}

/**
 * The skip of a start whose slot the holder of a lock runs, or waits for; `undefined` if the holder has another slot or
 * none.
 */
export async function findSameSlot(
  context: RunContext,
  { holder, state }: LockHeld,
  lock: Pick<PipelineLock, "readHolder">,
): Promise<Skip | undefined> {
  if (holder !== undefined) return sameSlotSkip(context, holder);
  const isLeftover = state.kind === "orphans" || state.kind === "contained";
  return context.slot === undefined || isLeftover ? undefined : waitForSameSlot(context, lock);
}

/** The owner record of a start. @param onDead is called for each dead run that the start finds */
export async function claimOf(context: RunContext, onDead: NonNullable<LockClaim["onDead"]>): Promise<LockClaim> {
  const { plan, host, id, startedAt, slot } = context;
  return {
    host: host.name,
    pid: host.pid,
    uid: host.uid,
    runId: id,
    startedAt,
    task: lockPurpose(plan.entry, slot),
    scheduled: plan.output.scheduled,
    triggeredBy: plan.triggeredBy,
    limitations: (await findSetpriv()) === undefined ? [NO_SETPRIV] : [],
    onDead,
  };
}

/**
 * Records a dead run that a start found. It is reported on stderr, so that cron mails it: no other process reports it.
 */
export async function reportLost(store: PipelineStore, host: Host, dead: DeadHolder): Promise<void> {
  showLost(host, await recordLost(store, dead, `found by the next start, on host ${host.name}`));
}

/** Acquires the lock of the pipeline. A lock that is acquired after a stop request is released. */
export async function acquireLock(context: RunContext, signals: StopSignals): Promise<LockResult | LockHeld> {
  const { plan, host, store } = context;
  const claim = await claimOf(context, (dead) => reportLost(store, host, dead));
  const onWatch = (holder: LockHolder | undefined, leaseMs: number) => {
    const who = holder === undefined ? "incomplete owner record" : `host ${holder.host}, run ${holder.runId}`;
    const state = `is locked by a run that stopped sending heartbeats (${who}); taking over in ${renderDuration(leaseMs)}`;
    if (plan.output.passThrough) host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)} ${state}\n`);
  };
  const attempt = store.lock.acquire(claim, { giveUp: signals.first, onWatch });
  const stopped = signals.first.then((cause) => ({ kind: "stopped", cause, leavesSlotOpen: true }) as const);
  const first = await Promise.race([attempt, stopped]);
  if (first.kind === "stopped") {
    const late = await attempt.catch(() => undefined);
    if (late?.kind === "acquired") await late.lock.release();
  }
  return first.kind === "acquired" ? { ...first, context } : first;
}
