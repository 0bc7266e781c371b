import type { LockClaim } from "../../src/lock/lock.ts";

/** A claim of this process. */
export const claim: LockClaim = {
  host: "here",
  pid: process.pid,
  uid: process.getuid?.() ?? 0,
  runId: "r1",
  startedAt: new Date(0),
  limitations: [],
};
