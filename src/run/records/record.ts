import type { RunRecord } from "../../history/record.ts";
import { renderMinute } from "../../text/format-time.ts";
import type { MissedTimes, RunContext } from "../context.ts";

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
  const missed = decision?.kind === "run" ? decision.missed : undefined;
  return {
    id,
    tap,
    target,
    command,
    entry,
    ...end,
    detail: withMissed(end, { slot, missed }),
    host: host.name,
    slot: slot?.toISOString(),
    scheduled: plan.output.scheduled,
    triggeredBy: plan.triggeredBy,
    startedAt: startedAt.toISOString(),
    endedAt: host.now().toISOString(),
  };
}

/** The detail of a record, with the missed due times. A skip runs no slot, and one without a slot handles none. */
function withMissed(
  { outcome, detail }: Pick<RunRecord, "outcome" | "detail">,
  { slot, missed }: { readonly slot: Date | undefined; readonly missed: MissedTimes | undefined },
): string | undefined {
  if (slot === undefined || missed === undefined) return detail;
  const { isLate, earlier } = missed;
  const parts = [
    ...(detail === undefined ? [] : [detail]),
    ...(isLate && outcome !== "skipped" ? [`caught up on the missed due time ${renderMinute(slot)}`] : []),
    ...(earlier === 0 ? [] : [`missed ${earlier} earlier due time${earlier === 1 ? "" : "s"}`]),
  ];
  return parts.length === 0 ? undefined : parts.join("; ");
}
