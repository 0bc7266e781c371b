import { newRunId } from "../../history/record.ts";
import { dueBetween } from "../../slots/due.ts";
import { dueTimes, machineZoneNow } from "../checks/slot.ts";
import type { RunContext } from "../context.ts";
import { recordOf } from "./record.ts";

/** The due times in (after, upTo], and the reason why nothing runs for them. */
interface MissedSlots {
  readonly after: number;
  readonly upTo: number;
  readonly detail: string;
}

/** Records due times of an entry as skipped. */
async function recordSkippedSlots(run: RunContext, { after, upTo, detail }: MissedSlots): Promise<void> {
  const { plan, host, store } = run;
  if (plan.slot === undefined) return;
  const times = await dueTimes(plan.slot, plan.entry, host, await machineZoneNow(plan.slot, host));
  const now = host.now();
  for (const at of dueBetween(times, { after, upTo })) {
    const missed = { id: newRunId(now), startedAt: now, slot: new Date(at), decision: undefined };
    const end = { outcome: "skipped", reason: "overlap", detail, exitCode: plan.output.skipExitCode } as const;
    await store.record(recordOf({ ...run, ...missed }, end));
    await store.slots.recordSkipped({ slot: missed.slot, run: missed.id });
  }
}

/**
 * Records the due times that passed during a run as skipped, for a scheduler that starts nothing while a run is
 * running. Under such a scheduler, no start comes that could record them. Call this before the lock is released.
 */
export async function recordMissedSlots(run: RunContext): Promise<void> {
  if (run.slot === undefined) return;
  const detail = `came due while run ${run.id} on host ${run.host.name} was running`;
  await recordSkippedSlots(run, { after: run.slot.getTime(), upTo: run.host.now().getTime(), detail });
}

/** Records the due times that passed while the entries after a run were running, as `recordMissedSlots` does. */
export async function recordSlotsMissedByFollowers(run: RunContext): Promise<void> {
  const last = await run.store.slots.findLast();
  if (run.slot === undefined || last === undefined) return;
  const detail = `came due while the entries that run after run ${run.id} on host ${run.host.name} were running`;
  await recordSkippedSlots(run, { after: last.slot.getTime(), upTo: run.host.now().getTime(), detail });
}

/** Records the slot of a start, and those up to the newer slot that the start runs after its wait, as skipped. */
export async function recordPassedSlots(run: RunContext, first: Date): Promise<void> {
  if (run.slot === undefined) return;
  const detail = `came due before run ${run.id} on host ${run.host.name}, which waited for another run`;
  await recordSkippedSlots(run, { after: first.getTime() - 1, upTo: run.slot.getTime() - 1, detail });
}
