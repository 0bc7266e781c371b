import { entryLabel } from "../command/request.ts";
import { writeLastSkip } from "../history/last.ts";
import type { RunRecord } from "../history/record.ts";
import { appendRecord } from "../history/store.ts";
import type { Host } from "../host.ts";
import type { LockHeld } from "../lock/lock.ts";
import { renderDuration } from "./duration.ts";
import type { RunPlan } from "./plan.ts";

/** One start, named before anything else is known of it. */
export interface Start {
  readonly id: string;
  readonly startedAt: Date;
}

/** Who has the lock, as it reads behind the pipeline's name. */
export function renderHolder({ holder, state }: LockHeld, now: Date): string {
  const orphans = state.kind === "orphans" ? state.pids.join(", ") : undefined;
  if (holder === undefined) {
    return orphans === undefined
      ? "is held by a run whose record is gone"
      : `is held by processes left over from a run whose record is gone: ${orphans}`;
  }
  const since = `since ${holder.startedAt.toISOString()} (${renderDuration(now.getTime() - holder.startedAt.getTime())})`;
  const who = `is held by host ${holder.host}, pid ${holder.pid}, ${since}`;
  if (orphans !== undefined) return `${who}; that process is gone, but its pipeline is still at work: ${orphans}`;
  return state.kind === "unproved" ? `${who}; whether it still lives cannot be seen from here` : who;
}

/** The record of a start that found the pipeline running. */
function skipRecord(plan: RunPlan, host: Host, start: Start, detail: string): RunRecord {
  const { tap, target, command, id } = plan.entry;
  return {
    id: start.id,
    tap,
    target,
    command,
    entry: id,
    outcome: "skipped",
    reason: "overlap",
    detail,
    host: host.name,
    scheduled: plan.manners.scheduled,
    startedAt: start.startedAt.toISOString(),
    endedAt: host.now().toISOString(),
    exitCode: plan.manners.skipExitCode,
  };
}

/** Records that the pipeline was running already, says so where someone reads, and gives the code of a skip. */
export async function skipOverlap(plan: RunPlan, host: Host, start: Start, held: LockHeld): Promise<number> {
  const detail = renderHolder(held, host.now());
  const record = skipRecord(plan, host, start, detail);
  await appendRecord(plan.paths, host, record);
  await writeLastSkip(plan.paths, host, record);
  const line = `skipped (overlap): ${entryLabel(plan.entry)} ${detail}\n`;
  if (!plan.manners.scheduled) host.stderr.write(line);
  else if (plan.manners.passThrough) host.stdout.write(line);
  return plan.manners.skipExitCode;
}
