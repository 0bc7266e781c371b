import type { Host } from "../../host.ts";
import type { DeadHolder, LockAttempt, LockHeld, LockHolder, PipelineLocks } from "../../lock/lock.ts";
import { entryKey, entryLabel, lockOf } from "../../pipeline-id.ts";
import { readHandled } from "../../slots/store.ts";
import { renderDuration } from "../../text/format-time.ts";
import { recordLost } from "../lost-runs.ts";
import type { RunPlan } from "../plan.ts";
import { findSetpriv } from "../process/process-group.ts";
import type { StopSignals } from "../process/stop-signals.ts";
import type { StopTiming } from "../process/terminate.ts";
import type { Start } from "../record.ts";
import { doneBefore, renderHandler, type SlotSkip, taskOf, twinOf } from "./slot.ts";

/** Maximum wait for a new holder's owner record. */
const TWIN_WAIT_MS = 10_000;
const SHORTEST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

const NO_SETPRIV =
  "setpriv (util-linux) not found: a pipeline survives if its wrapper is killed, and later runs are skipped until it ends";

/** Everything that a run needs in addition to its plan and host. */
export interface Execution {
  readonly start: Start;
  readonly locks: PipelineLocks;
  readonly signals: StopSignals;
  readonly timing: StopTiming;
}

/** Acquires the lock; `undefined` if a stop was requested during the wait. A lock acquired after that is released. */
export async function acquireUnlessStopped(
  plan: RunPlan,
  host: Host,
  execution: Execution,
): Promise<LockAttempt | undefined> {
  const { start, locks, signals } = execution;
  const claim = {
    host: host.name,
    pid: host.pid,
    uid: host.uid,
    runId: start.id,
    startedAt: start.startedAt,
    task: start.slot === undefined ? entryKey(plan.entry) : taskOf(plan.entry, start.slot),
    lacks: (await findSetpriv()) === undefined ? [NO_SETPRIV] : [],
    onDead: async (dead: DeadHolder) => {
      const how = `found by the next start, on host ${host.name}`;
      await recordLost(plan.paths, lockOf(plan.entry), dead, { host, how });
    },
  };
  const onWatch = (holder: LockHolder | undefined, leaseMs: number) => {
    const who = holder === undefined ? "incomplete owner record" : `host ${holder.host}, run ${holder.runId}`;
    const words = `is locked by a run that stopped sending heartbeats (${who}); taking over in ${renderDuration(leaseMs)}`;
    if (plan.manners.passThrough) host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)} ${words}\n`);
  };
  const attempt = locks.acquire(plan.paths, lockOf(plan.entry), claim, { giveUp: signals.first, onWatch });
  const first = await Promise.race([attempt, signals.first.then(() => undefined)]);
  if (first === undefined) {
    const late = await attempt.catch(() => undefined);
    if (late?.kind === "acquired") await late.lock.release();
  }
  return first;
}

/**
 * Checks again, now under the lock, whether another start has handled this slot. A newer slot that was only skipped does
 * not count: after watching a dead host's run for a whole lease, this start still runs.
 */
export async function findDone(plan: RunPlan, host: Host, { slot }: Start): Promise<SlotSkip | undefined> {
  if (plan.slot === undefined || plan.slot.again || slot === undefined) return undefined;
  const handled = await readHandled(plan.paths, plan.entry, host.now());
  if (handled === undefined || handled.slot < slot || (handled.skipped && handled.slot > slot)) return undefined;
  return doneBefore(plan.slot, slot, renderHandler(handled));
}

/**
 * Whether the holder runs for the same slot, as when two lines of an entry fire in one minute. A new holder, on this or
 * another host, may not have written its owner record yet, so this waits for it.
 */
export async function findTwin(
  plan: RunPlan,
  host: Host,
  { start, locks }: Execution,
  held: LockHeld,
): Promise<SlotSkip | undefined> {
  if (held.holder !== undefined) return twinOf(plan, start, held.holder);
  const isLeftOver = held.state.kind === "orphans" || held.state.kind === "contained";
  if (start.slot === undefined || isLeftOver) return undefined;
  let pause = SHORTEST_PAUSE_MS;
  for (let waited = 0; waited < TWIN_WAIT_MS; waited += pause) {
    const holder = await locks.findNamedHolder(plan.paths, lockOf(plan.entry));
    const twin = holder === undefined ? await findDone(plan, host, start) : twinOf(plan, start, holder);
    if (twin !== undefined || holder !== undefined) return twin;
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return undefined;
}
