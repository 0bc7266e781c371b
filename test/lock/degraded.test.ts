import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { LockOptions } from "../../src/lock/acquire.ts";
import { lacksOf, readWeaknesses, renderWeakness } from "../../src/lock/degraded.ts";
import type { HeldLock } from "../../src/lock/lock.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { lockFolder, locksDir, type StatePaths, weaknessFile } from "../../src/storage/paths.ts";
import { stateFolder } from "./processes.ts";

const pipeline = { tap: "a", target: "dwh" };
const startedAt = new Date("2026-11-23T12:00:00Z");
const claim = { host: "etl-1", pid: process.pid, uid: process.getuid?.() ?? 0, runId: "r1", startedAt };
const WITHOUT = { flockProgram: "no-such-flock" };
const NO_FLOCK = /^flock is not available \(flock could not be started/;

async function hold<T>(
  paths: StatePaths,
  options: Partial<LockOptions>,
  look: (lock: HeldLock) => T,
  lacks?: string[],
) {
  const attempt = await pipelineLocks(options).acquire(paths, pipeline, { ...claim, lacks });
  if (attempt.kind !== "acquired") throw new Error("not acquired");
  try {
    return look(attempt.lock);
  } finally {
    await attempt.lock.release();
  }
}

const weaknessIn = (paths: StatePaths, options: Partial<LockOptions>, lacks?: string[]) =>
  hold(paths, options, ({ weakness }) => weakness, lacks);

test("a host without flock says so once, and status can say it until there is one", async () => {
  const paths = stateFolder();
  expect(await weaknessIn(paths, WITHOUT)).toMatch(NO_FLOCK);
  expect(await weaknessIn(paths, WITHOUT)).toBeUndefined();
  const [weakness, ...others] = await readWeaknesses(paths);
  expect(others).toEqual([]);
  expect(weakness).toEqual({ host: "etl-1", lacks: [expect.stringMatching(NO_FLOCK)], since: startedAt });
  if (weakness === undefined) return;
  expect(renderWeakness(weakness)).toMatch(/^host etl-1, since 2026-11-23T12:00:00.000Z: flock is not available/);
  expect(await weaknessIn(paths, {})).toBeUndefined();
  expect(await readWeaknesses(paths)).toEqual([]);
});

test("what the run lacks is said beside it, and anew when it is something else", async () => {
  const paths = stateFolder();
  expect(await weaknessIn(paths, {}, ["setpriv is missing"])).toBe("setpriv is missing");
  expect(await weaknessIn(paths, WITHOUT, ["setpriv is missing"])).toMatch(/.*; setpriv is missing$/);
  expect((await readWeaknesses(paths)).map(({ lacks }) => lacks.length)).toEqual([2]);
});

test("the record on disk says it too", async () => {
  const paths = stateFolder();
  const record = await hold(paths, WITHOUT, ({ token }) =>
    JSON.parse(readFileSync(join(lockFolder(paths, pipeline), `owner.${token}.json`), "utf8")),
  );
  expect(record).toMatchObject({ flock: null, lacks: [expect.stringMatching(NO_FLOCK)] });
});

test("nothing is written where nothing is lacking", async () => {
  const paths = stateFolder();
  await weaknessIn(paths, {});
  expect(existsSync(weaknessFile(paths, "etl-1"))).toBe(false);
  expect(lacksOf({ kind: "taken" }, {})).toEqual([]);
});

test("what is garbled is no weakness, and no obstacle", async () => {
  const paths = stateFolder();
  mkdirSync(locksDir(paths), { mode: 0o700 });
  for (const text of ["", "null", "[]", '{"lacks":1}', '{"lacks":[],"since":"never"}']) {
    writeFileSync(weaknessFile(paths, "etl-1"), text, { mode: 0o600 });
    expect(await readWeaknesses(paths)).toEqual([]);
    expect(await weaknessIn(paths, WITHOUT)).toMatch(NO_FLOCK);
  }
  expect(readdirSync(locksDir(paths)).sort()).toEqual([".weakness-etl-1.json", "dwh"]);
});

test("no lock was ever taken: there is nothing to say", async () => {
  expect(await readWeaknesses(stateFolder())).toEqual([]);
});
