import type { LockHeld } from "../../lock/lock.ts";
import { findSameSlot } from "../checks/acquire-lock.ts";
import { overlapSkip } from "../checks/holder.ts";
import type { RunContext } from "../context.ts";
import type { StopSignals } from "../process/stop-signals.ts";
import type { LaterResult } from "./waiting-start.ts";

/** Carries out `on_overlap` for a start that found the lock held. */
export async function followOverlapPolicy(
  context: RunContext,
  signals: StopSignals,
  held: LockHeld,
): Promise<LaterResult> {
  const sameSlot = await findSameSlot(context, held, context.store.lock);
  const policy = context.plan.policies.onOverlap;
  if (sameSlot !== undefined || policy === undefined) {
    return { kind: "skip", skip: sameSlot ?? overlapSkip(context, held) };
  }
  // Loaded only here, because most pipelines never overlap.
  const { startLater } = await import("./waiting-start.ts");
  return startLater(context, signals, { held, policy });
}
