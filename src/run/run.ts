import { newRunId } from "../history/record.ts";
import type { Host } from "../host.ts";
import type { PipelineLocks } from "../lock/lock.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import { lockOf } from "../pipeline-id.ts";
import { findSlot, type SlotDecision, twinOf } from "./checks/slot.ts";
import type { RunPlan } from "./plan.ts";
import { takeStopSignals } from "./process/stop-signals.ts";
import type { StopTiming } from "./process/terminate.ts";
import type { Start } from "./record.ts";
import { skipOverlap, skipSlot } from "./skip.ts";

/** The slot of a start by a scheduler; `undefined` by hand. */
async function decideSlot(plan: RunPlan, host: Host): Promise<SlotDecision | undefined> {
  if (plan.slot === undefined) return undefined;
  const { decision, strangeZone } = await findSlot(plan.slot, plan.entry, { paths: plan.paths, host });
  if (strangeZone !== undefined) {
    const { complainOfZone } = await import("./zone-warning.ts");
    await complainOfZone(plan, host, strangeZone);
  }
  return decision;
}

/**
 * Runs a pipeline unless it runs already. This file is all that a skip needs; the rest is loaded when there is work.
 *
 * @returns the code to end with
 */
export async function run(
  plan: RunPlan,
  host: Host,
  locks: PipelineLocks,
  timing: StopTiming = LOCK_TIMING,
): Promise<number> {
  const startedAt = host.now();
  const id = newRunId(startedAt);
  // Before the lock is looked at: a start that is not due is that, whoever runs.
  const decision = await decideSlot(plan, host);
  if (decision?.kind === "skip") return skipSlot(plan, host, { id, startedAt }, decision);
  const start: Start = { id, startedAt, slot: decision?.slot };
  const holder = await locks.findLiveHolder(plan.paths, lockOf(plan.entry));
  if (holder !== undefined) {
    const twin = twinOf(plan, start, holder);
    if (twin !== undefined) return skipSlot(plan, host, start, twin);
    return skipOverlap(plan, host, start, { kind: "held", holder, state: { kind: "alive" } });
  }
  const signals = takeStopSignals(host.signals);
  try {
    const { execute } = await import("./execute.ts");
    return await execute(plan, host, { start, locks, signals, timing });
  } finally {
    signals.close();
  }
}
