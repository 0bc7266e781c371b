import type { RunRecord } from "../../history/record.ts";
import type { RunContext } from "../context.ts";

/** The record of a start that ends now. */
export function recordOf(
  {
    plan,
    host,
    id,
    startedAt,
    slot,
    decision,
  }: Pick<RunContext, "plan" | "host" | "id" | "startedAt" | "slot" | "decision">,
  end: Pick<RunRecord, "outcome" | "reason" | "detail" | "exitCode" | "log" | "attempts">,
): RunRecord {
  const { tap, target, command, id: entry } = plan.entry;
  const remark = decision?.kind === "run" ? decision.remark : undefined;
  return {
    id,
    tap,
    target,
    command,
    entry,
    ...end,
    detail: remark === undefined || end.detail === undefined ? (end.detail ?? remark) : `${end.detail}; ${remark}`,
    host: host.name,
    slot: slot?.toISOString(),
    scheduled: plan.output.scheduled,
    triggeredBy: plan.triggeredBy,
    startedAt: startedAt.toISOString(),
    endedAt: host.now().toISOString(),
  };
}
