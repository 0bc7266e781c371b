import { newRunId } from "../history/record.ts";
import { appendRecord, writeLastSkip } from "../history/store.ts";
import type { Host } from "../host.ts";
import { dueBetween } from "../slots/due.ts";
import { markHandled } from "../slots/store.ts";
import { dueTimes, machineZoneNow } from "./checks/slot.ts";
import type { RunPlan } from "./plan.ts";
import { recordOf, type Start } from "./record.ts";

/**
 * Records the due times that passed during a run as skipped, for a scheduler that starts nothing while a run is running:
 * there is no start that could record them. Call it before the lock is released.
 */
export async function tellMissed(plan: RunPlan, host: Host, run: Start): Promise<void> {
  const { paths, entry, slot: slotPlan, manners } = plan;
  if (slotPlan === undefined || run.slot === undefined) return;
  const times = await dueTimes(slotPlan, entry, host, await machineZoneNow(slotPlan, host));
  const now = host.now();
  for (const at of dueBetween(times, { after: run.slot.getTime(), upTo: now.getTime() })) {
    const start = { id: newRunId(now), startedAt: now, slot: new Date(at) };
    const detail = `came due while run ${run.id} on host ${host.name} was running`;
    const record = recordOf(plan, host, start, {
      ...{ outcome: "skipped", reason: "overlap", detail },
      exitCode: manners.skipExitCode,
    });
    await appendRecord(paths, host, record);
    await writeLastSkip(paths, host, record);
    await markHandled(paths, entry, host, { slot: start.slot, run: start.id });
  }
}
