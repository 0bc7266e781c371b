import { expect, test } from "vitest";
import { LOCK_TIMING } from "../../src/lock/timing.ts";

test("a holder that hangs has stopped its pipeline before its lease is over", () => {
  const { heartbeatMs, selfFenceMs, graceMs, killGraceMs, leaseMs } = LOCK_TIMING;
  expect(heartbeatMs * 6).toBeLessThanOrEqual(selfFenceMs);
  expect(selfFenceMs + graceMs + killGraceMs).toBeLessThan(leaseMs * 0.9);
});
