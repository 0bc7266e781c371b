import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { LOCK_OPTIONS, type LockOptions } from "../../src/lock/acquire.ts";
import { openFlock, takeFlock } from "../../src/lock/flock.ts";
import type { LockAttempt, LockClaim } from "../../src/lock/lock.ts";
import { diskLockFs, type LockFs } from "../../src/lock/lock-directory.ts";
import { type LockRecord, recordOf, renderRecord, renderToken, tokenFileName } from "../../src/lock/owner-record.ts";
import { findLiveHolder, pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { machineId, realClock } from "../../src/lock/processes.ts";
import { LOCK_TIMING } from "../../src/lock/timing.ts";
import { flockFile, lockDirectory, type StatePaths } from "../../src/storage/paths.ts";
import { stateDirectory } from "./processes.ts";

const pipeline = { tap: "a", target: "dwh", dataDiff: false };
const claim: LockClaim = {
  host: "here",
  pid: process.pid,
  uid: process.getuid?.() ?? 0,
  runId: "new",
  startedAt: new Date("2026-11-23T12:05:00Z"),
  limitations: [],
};
/** The owner record of this process. */
const ours = recordOf({ ...claim, runId: "old", startedAt: new Date("2026-11-23T12:00:00Z") }, null, LOCK_TIMING);
const before = { host: "here", pid: process.pid, runId: "old", startedAt: new Date("2026-11-23T12:00:00Z") };
const otherBoot = { bootId: "00000000-0000-4000-8000-000000000000" };

/** A lock directory as a holder with that record leaves it. @param text what its record says, if not that */
function leftBy(record: LockRecord, text = renderRecord(record)): StatePaths {
  const paths = stateDirectory();
  mkdirSync(lockDirectory(paths, pipeline), { recursive: true, mode: 0o700 });
  writeFileSync(join(lockDirectory(paths, pipeline), tokenFileName(renderToken(record, "ff"))), text);
  return paths;
}

async function acquireIn(paths: StatePaths, options: Partial<LockOptions> = {}): Promise<LockAttempt> {
  const attempt = await pipelineLocks(options).acquire(paths, pipeline, claim);
  if (attempt.kind === "acquired") onTestFinished(() => attempt.lock.release());
  return attempt;
}

test("a running holder on this host is found at once and is not taken over", async () => {
  const paths = leftBy(ours);
  expect(await findLiveHolder(paths, pipeline)).toEqual(before);
  expect(await acquireIn(paths)).toEqual({ kind: "held", holder: before, state: { kind: "alive" } });
});

test("a share that takes its time over a dead holder is slow, not broken", async () => {
  const paths = leftBy({ ...ours, pid: 2 ** 22 + 1 });
  let slowness = 0;
  const clock = { ...realClock, sinceBootMs: () => realClock.sinceBootMs() + slowness };
  const rename: LockFs["rename"] = async (from, to) => {
    slowness += 2 * LOCK_OPTIONS.settleMs;
    await diskLockFs.rename(from, to);
  };
  expect(await acquireIn(paths, { clock, files: { ...diskLockFs, rename } })).toMatchObject({ kind: "acquired" });
});

describe.each([
  { what: "whose pid another process has by now", record: { startTicks: ours.startTicks - 1 } },
  { what: "whose pid nobody has", record: { pid: 2 ** 22 + 1 } },
])("a holder $what", ({ record }) => {
  test.skipIf(ours.startTicks === 0)("is not a running holder, and is taken over", async () => {
    const dead = { ...ours, ...record };
    const paths = leftBy(dead);
    expect(await findLiveHolder(paths, pipeline)).toBeUndefined();
    expect(await acquireIn(paths)).toMatchObject({
      kind: "acquired",
      lock: { tookOverFrom: { ...before, pid: dead.pid } },
    });
    expect(readdirSync(dirname(flockFile(paths, pipeline))).sort()).toEqual(["a.flock", "a.lock"]);
  });

  test.skipIf(ours.startTicks === 0)("is taken over too when its record was never whole", async () => {
    const attempt = await acquireIn(leftBy({ ...ours, ...record }, '{"format":1,"ho'));
    expect(attempt).toMatchObject({ kind: "acquired", lock: { tookOverFrom: undefined } });
  });
});

test("a holder on another host that beat just now is named, and is not taken over", async () => {
  const paths = leftBy({ ...ours, ...otherBoot, host: "etl-2", machineId: "other" });
  expect(await findLiveHolder(paths, pipeline)).toBeUndefined();
  expect(await acquireIn(paths)).toEqual({
    kind: "held",
    holder: { ...before, host: "etl-2" },
    state: { kind: "unproved" },
  });
});

test.skipIf(ours.startTicks === 0)(
  "what is proved dead here waits for a start that has the kernel's lock, and leaves",
  async () => {
    const paths = leftBy({ ...ours, startTicks: ours.startTicks - 1 });
    const other = await openFlock(flockFile(paths, pipeline));
    const { flockProgram: program, flockTimeoutMs: timeoutMs } = LOCK_OPTIONS;
    expect(await takeFlock(other.fd, { program, timeoutMs })).toEqual({ kind: "taken" });
    let left: Promise<void> | undefined;
    const pause = async () => (left ??= other.close());
    const attempt = await acquireIn(paths, { clock: { ...realClock, pause } });
    expect(left).toBeDefined();
    expect(attempt).toMatchObject({ kind: "acquired", lock: { tookOverFrom: before } });
  },
);

test.skipIf(machineId() === "")(
  "what this machine held before it was booted is taken over once it is silent",
  async () => {
    // Silent for more than three times nothing.
    const silent = leftBy({ ...ours, ...otherBoot, heartbeatMs: 0 });
    await new Promise((done) => setTimeout(done, 20));
    expect(await acquireIn(silent)).toMatchObject({ kind: "acquired", lock: { tookOverFrom: before } });

    const beating = await acquireIn(leftBy({ ...ours, ...otherBoot }));
    expect(beating).toMatchObject({ kind: "held", state: { kind: "unproved" } });
  },
);

test("of several tokens the live one has the lock, and the dead one stays until it is gone", async () => {
  const paths = leftBy({ ...ours, startTicks: ours.startTicks + 1 });
  writeFileSync(join(lockDirectory(paths, pipeline), tokenFileName(renderToken(ours, "aa"))), renderRecord(ours));
  expect(await acquireIn(paths)).toMatchObject({ kind: "held", holder: before });
  expect(readdirSync(lockDirectory(paths, pipeline))).toHaveLength(2);
});
