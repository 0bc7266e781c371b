import type { LockClaim } from "./lock.ts";
import { machineId, thisKernel } from "./machine.ts";
import { startTicksOf } from "./process-table.ts";
import type { LockRecord } from "./record.ts";
import type { LockTiming } from "./timing.ts";

/** What our record says. @param flock `device:inode` of the kernel lock that we have; @param lacks a sentence each */
export function recordOf(
  claim: LockClaim,
  flock: string | null,
  { heartbeatMs, leaseMs }: Pick<LockTiming, "heartbeatMs" | "leaseMs">,
  lacks: readonly string[] = [],
): LockRecord {
  return {
    format: 1,
    host: claim.host,
    machineId: machineId(),
    ...thisKernel(),
    pid: claim.pid,
    startTicks: startTicksOf(claim.pid),
    uid: claim.uid,
    runId: claim.runId,
    startedAt: claim.startedAt.toISOString(),
    task: claim.task,
    heartbeatMs,
    leaseMs,
    flock,
    ...(lacks.length === 0 ? {} : { lacks }),
  };
}
