import { newRunId } from "../history/record.ts";
import type { Host } from "../host.ts";
import type { PipelineLocks } from "../lock/lock.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import { noLiveHolder } from "./checks/holder.ts";
import { findSlot, slotIsDue } from "./checks/slot.ts";
import type { RunContext } from "./context.ts";
import { openEntryStore } from "./pipeline-store.ts";
import type { RunPlan } from "./plan.ts";
import { notPaused } from "./policies/pause.ts";
import type { StopTiming } from "./process/terminate.ts";
import { recordSkip } from "./records/skip.ts";

/** Parts of a run that tests replace. */
export interface RunParts {
  readonly locks?: PipelineLocks | undefined;
  readonly timing?: StopTiming | undefined;
}

/** Names the start and finds the slot that it stands for. */
async function resolveStart(plan: RunPlan, host: Host, parts: RunParts): Promise<RunContext> {
  const { locks, timing = LOCK_TIMING } = parts;
  const startedAt = host.now();
  const id = newRunId(startedAt);
  const store = openEntryStore(plan.entry, { paths: plan.paths, host, locks });
  const found = await findSlot({ plan, host, store });
  if (found?.zoneMismatch !== undefined) {
    const { warnZoneMismatch } = await import("./records/daily-warnings.ts");
    await warnZoneMismatch(plan, host, found.zoneMismatch);
  }
  const decision = found?.decision;
  if (found?.isUnexplained === true) {
    const { warnNotDue } = await import("./records/daily-warnings.ts");
    await warnNotDue(plan, host);
  }
  const slot = decision?.kind === "run" ? decision.slot : undefined;
  return { id, startedAt, plan, host, store, decision, slot, timing, start: (next) => run(next, host, parts) };
}

/**
 * Executes one start: resolves it, skips it if a check says so, and otherwise goes on in `execute.ts`. A start that is
 * skipped here loads only the imports of this file.
 *
 * @returns the exit code
 */
export async function run(plan: RunPlan, host: Host, parts: RunParts = {}): Promise<number> {
  const context = await resolveStart(plan, host, parts);
  // The slot comes first: a start that is not due is not due, whether or not another run is running.
  for (const check of [slotIsDue, notPaused, noLiveHolder]) {
    const skip = await check(context);
    if (skip !== undefined) return recordSkip(context, skip);
  }
  const { execute } = await import("./execute.ts");
  return execute(context);
}
