import { expect, test } from "vitest";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { isSound, LOCK_TIMING } from "../../src/lock/timing.ts";

test("a holder that hangs has stopped its pipeline before its lease is over", () => {
  expect(isSound(LOCK_TIMING)).toBe(true);
});

test.each([
  { what: "a lease that ends while the pipeline is still being stopped", change: { leaseMs: 270_000 } },
  { what: "a fence that falls before six heartbeats", change: { heartbeatMs: 34_000 } },
  { what: "a grace longer than what the lease leaves", change: { graceMs: 60_000 } },
])("no lock is taken with $what", ({ change }) => {
  const timing = { ...LOCK_TIMING, ...change };
  expect(isSound(timing)).toBe(false);
  expect(() => pipelineLocks({ timing })).toThrow(/the lock timing is inconsistent/);
});
