import type { RunRecord } from "../history/record.ts";
import type { Host } from "../host.ts";
import type { RunPlan } from "./plan.ts";

/** One start, named before anything else is known of it. */
export interface Start {
  readonly id: string;
  readonly startedAt: Date;
  /** The due instant that it stands for; none for a start by hand. */
  readonly slot?: Date | undefined;
}

/** The record of a start that has ended now. */
export function recordOf(
  plan: RunPlan,
  host: Pick<Host, "name" | "now">,
  start: Start,
  end: Pick<RunRecord, "outcome" | "reason" | "detail" | "exitCode" | "log">,
): RunRecord {
  const { tap, target, command, id } = plan.entry;
  return {
    id: start.id,
    tap,
    target,
    command,
    entry: id,
    ...end,
    host: host.name,
    slot: start.slot?.toISOString(),
    scheduled: plan.manners.scheduled,
    startedAt: start.startedAt.toISOString(),
    endedAt: host.now().toISOString(),
  };
}
