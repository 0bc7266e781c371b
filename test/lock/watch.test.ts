import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { LOCK_OPTIONS } from "../../src/lock/acquire.ts";
import { openFlock, takeFlock } from "../../src/lock/flock.ts";
import type { LockAttempt, LockClaim, WaitOptions } from "../../src/lock/lock.ts";
import { diskLockFs, type LockFs } from "../../src/lock/lock-directory.ts";
import { type LockRecord, recordOf, renderRecord, renderToken, tokenFileName } from "../../src/lock/owner-record.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { type LockClock, realClock } from "../../src/lock/processes.ts";
import type { LockTiming } from "../../src/lock/timing.ts";
import { flockFile, lockDirectory, type StatePaths } from "../../src/storage/paths.ts";
import { stateDirectory } from "./processes.ts";

/** The file server's clock is the real one, so these are short; waiting goes by a clock of the test. */
const timing: LockTiming = { heartbeatMs: 10, selfFenceMs: 60, graceMs: 10, killGraceMs: 10, leaseMs: 100 };
const pipeline = { tap: "a", target: "dwh", dataDiff: false };
const claim: LockClaim = {
  host: "here",
  pid: process.pid,
  uid: process.getuid?.() ?? 0,
  runId: "new",
  startedAt: new Date("2026-11-23T12:05:00Z"),
  limitations: [],
};
const otherHost = { bootId: "00000000-0000-4000-8000-000000000000", host: "etl-2", machineId: "other" };
const record: LockRecord = { ...recordOf({ ...claim, runId: "old" }, null, timing), ...otherHost };
const token = renderToken(record, "ff");
const tokenFile = (paths: StatePaths) => join(lockDirectory(paths, pipeline), tokenFileName(token));
const unproved = { kind: "held", holder: { host: "etl-2" }, state: { kind: "unproved" } };

/** The lock as another host's holder left it a while ago. */
async function leftBy(changes: Partial<LockRecord> = {}, text?: string): Promise<StatePaths> {
  const paths = stateDirectory();
  mkdirSync(lockDirectory(paths, pipeline), { recursive: true, mode: 0o700 });
  writeFileSync(tokenFile(paths), text ?? renderRecord({ ...record, ...changes }));
  const beats = 3 * (changes.heartbeatMs ?? timing.heartbeatMs) + 5;
  await realClock.pause(Math.min(beats, 200));
  return paths;
}

/** A clock that advances only while a process waits. `onPause` runs during each wait. */
function clockOfTest(onPause: (waitedMs: number) => unknown = () => {}) {
  let now = 1_000_000;
  const begun = now;
  const clock: LockClock = {
    sinceBootMs: () => now,
    async pause(ms, until) {
      now += ms;
      await onPause(now - begun);
      await Promise.race([new Promise(setImmediate), until]);
    },
  };
  return { clock, waited: () => now - begun, skip: (ms: number) => (now += ms) };
}

async function acquireIn(
  paths: StatePaths,
  clock: LockClock,
  { files = {}, waitOptions = {} }: { files?: Partial<LockFs>; waitOptions?: WaitOptions } = {},
): Promise<LockAttempt> {
  const locks = pipelineLocks({ timing, clock, files: { ...diskLockFs, ...files } });
  const attempt = await locks.acquire(paths, pipeline, claim, waitOptions);
  if (attempt.kind === "acquired") onTestFinished(() => attempt.lock.release());
  return attempt;
}

/** What another start does. */
async function takeKernelLock(paths: StatePaths) {
  const flock = await openFlock(flockFile(paths, pipeline));
  const { flockProgram: program, flockTimeoutMs: timeoutMs } = LOCK_OPTIONS;
  return { ...flock, answer: await takeFlock(flock.fd, { program, timeoutMs }) };
}

const left = (paths: StatePaths): readonly string[] => readdirSync(dirname(flockFile(paths, pipeline))).sort();

describe("a holder on another host", () => {
  test("that beat within three heartbeats is skipped at once", async () => {
    const { clock, waited } = clockOfTest();
    const paths = await leftBy({ heartbeatMs: 3_600_000 });
    expect(await acquireIn(paths, clock)).toMatchObject(unproved);
    expect(waited()).toBe(0);
    expect(left(paths)).toEqual(["a.flock", "a.lock"]);
  });

  test("that another start removes after a long watch does not count as a broken file system", async () => {
    const paths = await leftBy();
    const { clock } = clockOfTest((waitedMs) => {
      if (waitedMs === 5 * timing.heartbeatMs) rmSync(lockDirectory(paths, pipeline), { recursive: true });
    });
    const locks = pipelineLocks({ timing, clock, settleMs: 2 * timing.heartbeatMs });
    const attempt = await locks.acquire(paths, pipeline, claim);
    expect(attempt).toMatchObject({ kind: "acquired", lock: { tookOverFrom: undefined } });
    if (attempt.kind === "acquired") await attempt.lock.release();
  });

  test("that is silent is watched for its whole lease, then taken over", async () => {
    const { clock, waited } = clockOfTest();
    const paths = await leftBy();
    const watched: unknown[] = [];
    const onWatch: WaitOptions["onWatch"] = (holder, leaseMs) => watched.push([holder?.host, leaseMs]);
    expect(await acquireIn(paths, clock, { waitOptions: { onWatch } })).toMatchObject({
      kind: "acquired",
      lock: { tookOverFrom: { host: "etl-2", runId: "old" } },
    });
    expect(waited()).toBeGreaterThanOrEqual(timing.leaseMs);
    expect(watched).toEqual([["etl-2", timing.leaseMs]]);
    expect(left(paths)).toEqual(["a.flock", "a.lock"]);
  });

  test("is watched without the kernel lock, so that a start on its own host can take it", async () => {
    const paths = await leftBy();
    const answers: string[] = [];
    const { clock } = clockOfTest(async () => {
      const other = await takeKernelLock(paths);
      answers.push(other.answer.kind);
      await other.close();
    });
    expect(await acquireIn(paths, clock)).toMatchObject({ kind: "acquired", lock: { stdin: expect.any(Number) } });
    expect(new Set(answers)).toEqual(new Set(["taken"]));
  });

  test("that another start took over while it was watched has a successor, and that one has the lock", async () => {
    const paths = await leftBy();
    const successor = renderToken({ ...record, pid: 4711 }, "aa");
    const { clock, waited } = clockOfTest((waitedMs) => {
      if (waitedMs !== 5 * timing.heartbeatMs) return;
      rmSync(tokenFile(paths));
      const beating = { ...record, pid: 4711, runId: "next", heartbeatMs: 3_600_000 };
      writeFileSync(join(lockDirectory(paths, pipeline), tokenFileName(successor)), renderRecord(beating));
    });
    expect(await acquireIn(paths, clock)).toMatchObject({ kind: "held", holder: { runId: "next" } });
    expect(waited()).toBeLessThan(timing.leaseMs);
  });

  test("that beats between the end of the watch and the take-over keeps the lock", async () => {
    const paths = await leftBy();
    let beats = 0;
    const beat = () => utimesSync(tokenFile(paths), 1, ++beats);
    const { clock } = clockOfTest(() => beats > 0 && beat());
    const files: Partial<LockFs> = {
      async removeFile(path) {
        // The watch is over.
        if (path.endsWith(".watch")) beat();
        return diskLockFs.removeFile(path);
      },
    };
    expect(await acquireIn(paths, clock, { files })).toMatchObject(unproved);
    expect(left(paths)).toEqual(["a.flock", "a.lock"]);
  });

  test("is taken over by its watcher also when another start passes by at the end", async () => {
    const paths = await leftBy();
    let passing: Awaited<ReturnType<typeof takeKernelLock>> | undefined;
    const { clock } = clockOfTest(async (waitedMs) => {
      // Once it is there, we are asked to wait for it.
      if (passing !== undefined) return passing.close();
      if (waitedMs >= timing.leaseMs) passing = await takeKernelLock(paths);
    });
    expect(await acquireIn(paths, clock)).toMatchObject({ kind: "acquired", lock: { tookOverFrom: { runId: "old" } } });
    expect(passing?.answer).toEqual({ kind: "taken" });
  });

  test("is given the lease of its own record where that is longer", async () => {
    const { clock, waited } = clockOfTest();
    expect((await acquireIn(await leftBy({ leaseMs: 5_000 }), clock)).kind).toBe("acquired");
    expect(waited()).toBeGreaterThanOrEqual(5_000);
  });

  test("is given ours where its record promises less", async () => {
    const { clock, waited } = clockOfTest();
    expect((await acquireIn(await leftBy({ leaseMs: 1 }), clock)).kind).toBe("acquired");
    expect(waited()).toBeGreaterThanOrEqual(timing.leaseMs);
  });

  test("whose record was never whole is given our lease too", async () => {
    const { clock, waited } = clockOfTest();
    const attempt = await acquireIn(await leftBy({}, '{"format":1,"ho'), clock);
    expect(attempt).toMatchObject({ kind: "acquired", lock: { tookOverFrom: undefined } });
    // Or it was silent for that time by the server's clock before this start came.
    expect(waited()).toBeGreaterThanOrEqual(0);
  });

  test("that gives a sign of life at the last moment keeps the lock", async () => {
    const paths = await leftBy();
    const { clock } = clockOfTest((waitedMs) => {
      if (waitedMs === timing.leaseMs) utimesSync(tokenFile(paths), 1, 1);
    });
    expect(await acquireIn(paths, clock)).toMatchObject(unproved);
    expect(left(paths)).toEqual(["a.flock", "a.lock"]);
  });

  test("that releases meanwhile leaves the lock to us", async () => {
    const paths = await leftBy();
    const { clock } = clockOfTest((waitedMs) => {
      if (waitedMs === 50) rmSync(lockDirectory(paths, pipeline), { recursive: true });
    });
    expect(await acquireIn(paths, clock)).toMatchObject({ kind: "acquired", lock: { tookOverFrom: undefined } });
  });

  test("is watched from the beginning after a gap in which it could not send a heartbeat", async () => {
    const time = clockOfTest();
    let looks = 0;
    const files: Partial<LockFs> = {
      async times(path) {
        looks += 1;
        // The server froze for a while, close to the end of the lease.
        if (looks === 10) time.skip(3 * timing.heartbeatMs);
        return diskLockFs.times(path);
      },
    };
    expect((await acquireIn(await leftBy(), time.clock, { files })).kind).toBe("acquired");
    expect(time.waited()).toBeGreaterThan(2 * timing.leaseMs);
  });

  test("is not taken over through a share that always answers too late", async () => {
    const time = clockOfTest();
    const files: Partial<LockFs> = {
      times(path) {
        time.skip(3 * timing.heartbeatMs);
        return diskLockFs.times(path);
      },
    };
    expect(await acquireIn(await leftBy(), time.clock, { files })).toMatchObject(unproved);
  });

  test("is still watched after a temporary failure of the file system", async () => {
    const time = clockOfTest();
    let looks = 0;
    const files: Partial<LockFs> = {
      times(path) {
        looks += 1;
        if (looks === 8) return Promise.reject(Object.assign(new Error("Unknown system error -116"), { errno: -116 }));
        return diskLockFs.times(path);
      },
    };
    expect((await acquireIn(await leftBy(), time.clock, { files })).kind).toBe("acquired");
  });

  test("is left alone as soon as we are asked to stop", async () => {
    let stop: () => void = () => {};
    const giveUp = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const { clock, waited } = clockOfTest((waitedMs) => {
      if (waitedMs === 30) stop();
    });
    const paths = await leftBy();
    expect(await acquireIn(paths, clock, { waitOptions: { giveUp } })).toMatchObject(unproved);
    expect(waited()).toBeLessThan(timing.leaseMs);
    expect(left(paths)).toEqual(["a.flock", "a.lock"]);
  });
});

describe("only one start of a host watches, also without a kernel lock", () => {
  /** Creates the file of another watcher of this host. */
  const mark = (paths: StatePaths, changes: Partial<LockRecord>) =>
    writeFileSync(
      `${lockDirectory(paths, pipeline)}.${renderToken({ ...recordOf(claim, null, timing), ...changes }, "ee")}.watch`,
      "",
    );

  test("a second start is skipped while the first one is running", async () => {
    const paths = await leftBy();
    // Process 1 is older than this one.
    const { startTicksOf } = await import("../../src/system/proc.ts");
    mark(paths, { pid: 1, startTicks: startTicksOf(1) });
    const { clock, waited } = clockOfTest();
    expect(await acquireIn(paths, clock)).toMatchObject(unproved);
    expect(waited()).toBe(0);
  });

  test.each([
    { what: "that died", changes: { pid: 2 ** 22 + 1 } },
    { what: "of another host", changes: { pid: 1, bootId: "ffffffff" } },
  ])("one $what does not count", async ({ changes }) => {
    const paths = await leftBy();
    mark(paths, changes);
    expect((await acquireIn(paths, clockOfTest().clock)).kind).toBe("acquired");
  });
});
