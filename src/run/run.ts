import { newRunId } from "../history/run-id.ts";
import type { Host } from "../host.ts";
import type { PipelineLocks } from "../lock/lock.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import type { RunPlan } from "./plan.ts";
import { skipOverlap } from "./skip.ts";
import type { StopTiming } from "./stop.ts";
import { takeStopSignals } from "./stop-signals.ts";

/**
 * Runs a pipeline unless it runs already. This file is all that a skip needs; the rest is loaded when there is work.
 *
 * @returns the code to end with
 */
export async function run(
  plan: RunPlan,
  host: Host,
  locks: PipelineLocks,
  timing: StopTiming = LOCK_TIMING,
): Promise<number> {
  const startedAt = host.now();
  const start = { id: newRunId(startedAt), startedAt };
  const holder = await locks.findLiveHolder(plan.paths, plan.entry);
  if (holder !== undefined) {
    return skipOverlap(plan, host, start, { kind: "held", holder, state: { kind: "alive" } });
  }
  const signals = takeStopSignals(host.signals);
  try {
    const { execute } = await import("./execute.ts");
    return await execute(plan, host, { start, locks, signals, timing });
  } finally {
    signals.close();
  }
}
