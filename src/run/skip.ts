import type { SkipReason } from "../history/record.ts";
import { appendRecord, writeLastSkip } from "../history/store.ts";
import type { Host } from "../host.ts";
import type { HolderState, LockHeld } from "../lock/lock.ts";
import { entryLabel } from "../pipeline-id.ts";
import { countUndue, markHandled } from "../slots/store.ts";
import { renderDuration } from "../text/format-time.ts";
import type { SlotSkip } from "./checks/slot.ts";
import type { RunPlan } from "./plan.ts";
import { recordOf, type Start } from "./record.ts";

/** What is seen of a holder, as it reads behind who it is. */
function renderState(state: HolderState): string {
  switch (state.kind) {
    case "alive":
      return "";
    case "orphans":
      return `; that process has ended, but its pipeline is still running: ${state.pids.join(", ")}`;
    case "contained":
      return `; it is in another container of this machine, and its pipeline is running: ${state.pids.join(", ")}`;
    case "unproved":
      return "; cannot tell from this host whether it is still running";
  }
}

/** Who has the lock, as it reads behind the pipeline's name. */
export function renderHolder({ holder, state }: LockHeld, now: Date): string {
  if (holder === undefined) {
    return state.kind === "orphans" || state.kind === "contained"
      ? `is locked by processes of a run that has no owner record: ${state.pids.join(", ")}`
      : "is locked by a run that has no owner record";
  }
  const since = `since ${holder.startedAt.toISOString()} (${renderDuration(now.getTime() - holder.startedAt.getTime())})`;
  return `is locked by host ${holder.host}, pid ${holder.pid}, ${since}${renderState(state)}`;
}

/** Says a skip where someone reads, and gives its code. */
function endSkip({ entry, manners }: RunPlan, host: Host, reason: SkipReason, detail: string): number {
  const line = `skipped (${reason}): ${entryLabel(entry)} ${detail}\n`;
  if (!manners.scheduled) host.stderr.write(line);
  else if (manners.passThrough) host.stdout.write(line);
  // A line of the crontab, typed by hand. cron sets no TERM, and is spared the opening of a stream.
  else if (host.env["TERM"] !== undefined && host.stderr.isTTY === true) host.stderr.write(line);
  return manners.skipExitCode;
}

/** Records a skip. */
async function recordSkip(plan: RunPlan, host: Host, start: Start, reason: SkipReason, detail: string) {
  const exitCode = plan.manners.skipExitCode;
  const record = recordOf(plan, host, start, { outcome: "skipped", reason, detail, exitCode });
  await appendRecord(plan.paths, host, record);
  await writeLastSkip(plan.paths, host, record);
}

/** The slot that a skipped start stood for is thereby handled. */
async function noteSkip({ paths, entry }: RunPlan, host: Host, { slot, id }: Start): Promise<void> {
  if (slot !== undefined) await markHandled(paths, entry, host, { slot, run: id });
}

/** Records that the pipeline was running already, says so where someone reads, and gives the code of a skip. */
export async function skipOverlap(plan: RunPlan, host: Host, start: Start, held: LockHeld): Promise<number> {
  const detail = renderHolder(held, host.now());
  await recordSkip(plan, host, start, "overlap", detail);
  // Who has the lock and has not yet said so may be about this very slot, and would take it for done.
  if (held.holder !== undefined) await noteSkip(plan, host, start);
  return endSkip(plan, host, "overlap", detail);
}

/** The same for a start that stands for no slot, or for one that is done. */
export async function skipSlot(plan: RunPlan, host: Host, start: Start, skip: SlotSkip): Promise<number> {
  const { reason, detail, slot, quiet } = skip;
  if (quiet) await countUndue(plan.paths, plan.entry, host);
  else {
    await recordSkip(plan, host, { ...start, slot }, reason, detail);
    await noteSkip(plan, host, { ...start, slot });
  }
  return endSkip(plan, host, reason, detail);
}

/** The same for a start that something else stands in the way of. */
export const skipBlocked = (
  { plan, host, start }: { readonly plan: RunPlan; readonly host: Host; readonly start: Start },
  reason: SkipReason,
  detail: string,
): Promise<number> => skipSlot(plan, host, start, { kind: "skip", reason, detail, slot: start.slot, quiet: false });
