import type { HolderState, LockHeld, LockHolder } from "../../lock/lock.ts";
import { type EntryId, entryKey } from "../../pipeline-id.ts";
import { renderProcesses } from "../../system/proc.ts";
import { renderDuration } from "../../text/format-time.ts";
import type { RunContext, Skip } from "../context.ts";
import { alreadyHandledSkip } from "./slot.ts";

/** The purpose of a run as its owner record names it: the entry, and the slot of a scheduled start. */
export const lockPurpose = (entry: EntryId, slot: Date | undefined): string =>
  slot === undefined ? entryKey(entry) : `${entryKey(entry)} ${slot.toISOString()}`;

/** Ends a sentence about a holder with the processes that it waits for although PipelineWise has ended. */
export const renderRemaining = (pids: readonly number[]): string =>
  pids.length === 0 ? "" : `; PipelineWise has ended; still running: ${renderProcesses(pids)}`;

/** The state of a lock holder, as the end of a sentence about it. */
function renderState(state: HolderState): string {
  switch (state.kind) {
    case "alive":
      return "";
    case "orphans":
      return `; that process has ended, but its pipeline is still running: ${renderProcesses(state.pids)}`;
    case "contained":
      return `; it is in another container of this machine, and its pipeline is running: ${renderProcesses(state.pids)}`;
    case "unproved":
      return "; cannot tell from this host whether it is still running";
  }
}

/** The lock holder, as a sentence fragment that follows the pipeline's name. */
export function renderHolder({ holder, state }: LockHeld, now: Date): string {
  if (holder === undefined) {
    return state.kind === "orphans" || state.kind === "contained"
      ? `is locked by processes of a run that has no owner record: ${renderProcesses(state.pids)}`
      : "is locked by a run that has no owner record";
  }
  const since = `since ${holder.startedAt.toISOString()} (${renderDuration(now.getTime() - holder.startedAt.getTime())})`;
  return `is locked by host ${holder.host}, pid ${holder.pid}, ${since}${renderState(state)}`;
}

/** The skip of a start whose slot the lock holder is running; `undefined` if the holder runs for another slot. */
export function sameSlotSkip({ plan, slot }: RunContext, { host, runId, task }: LockHolder): Skip | undefined {
  if (plan.slot === undefined || plan.slot.rerun || slot === undefined) return undefined;
  if (task !== lockPurpose(plan.entry, slot)) return undefined;
  return alreadyHandledSkip(plan.slot, slot, { host, run: runId });
}

/** The skip of a start that finds the lock held by a run for another slot, or by an unknown run. */
export const overlapSkip = ({ host, slot }: RunContext, held: LockHeld): Skip => ({
  reason: "overlap",
  detail: renderHolder(held, host.now()),
  slot,
  leavesSlotOpen: held.holder === undefined,
});

/**
 * The skip of a start whose pipeline is running on this host. Only looks; `acquireLock` decides for all other holders,
 * and the overlap policy of the entry, if it has one.
 */
export async function noLiveHolder(context: RunContext): Promise<Skip | undefined> {
  const holder = await context.store.lock.findLiveHolder();
  if (holder === undefined) return undefined;
  const sameSlot = sameSlotSkip(context, holder);
  if (sameSlot !== undefined || context.plan.policies.onOverlap !== undefined) return sameSlot;
  const skip = overlapSkip(context, { kind: "held", holder, state: { kind: "alive" } });
  return { ...skip, detail: skip.detail + renderRemaining(await context.store.lock.findRemaining()) };
}
