import type { LockTiming } from "../../src/lock/timing.ts";

/** The product's proportions in a small part of its times, for guests on borrowed processors. */
export const QUICK: LockTiming = {
  heartbeatMs: 2_000,
  selfFenceMs: 12_000,
  graceMs: 500,
  killGraceMs: 500,
  leaseMs: 16_000,
};

/** As short as the library's heartbeat can be. */
export const SHORTEST: LockTiming = {
  heartbeatMs: 1_000,
  selfFenceMs: 6_000,
  graceMs: 100,
  killGraceMs: 100,
  leaseMs: 10_000,
};
