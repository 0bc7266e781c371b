import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { LockOptions } from "../../src/lock/acquire.ts";
import { detectLimitations, readLimitations, renderLimitations } from "../../src/lock/degraded.ts";
import type { HeldLock } from "../../src/lock/lock.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { limitationsFile, locksDir, type StatePaths } from "../../src/storage/paths.ts";
import { stateDirectory } from "./processes.ts";

const pipeline = { tap: "a", target: "dwh", dataDiff: false };
const startedAt = new Date("2026-11-23T12:00:00Z");
const claim = { host: "etl-1", pid: process.pid, uid: process.getuid?.() ?? 0, runId: "r1", startedAt };
const WITHOUT = { flockProgram: "no-such-flock" };
const NO_FLOCK = /^flock is not available \(flock could not be started/;

async function hold<T>(
  paths: StatePaths,
  options: Partial<LockOptions>,
  look: (lock: HeldLock) => T,
  limitations: readonly string[] = [],
) {
  const attempt = await pipelineLocks(options).acquire(paths, pipeline, { ...claim, limitations });
  if (attempt.kind !== "acquired") throw new Error("not acquired");
  try {
    return look(attempt.lock);
  } finally {
    await attempt.lock.release();
  }
}

const weaknessIn = (paths: StatePaths, options: Partial<LockOptions>, limitations: readonly string[] = []) =>
  hold(paths, options, ({ limitation: weakness }) => weakness, limitations);

test("a host without flock says so once, and status can say it until there is one", async () => {
  const paths = stateDirectory();
  expect(await weaknessIn(paths, WITHOUT)).toMatch(NO_FLOCK);
  expect(await weaknessIn(paths, WITHOUT)).toBeUndefined();
  const [weakness, ...others] = await readLimitations(paths);
  expect(others).toEqual([]);
  expect(weakness).toEqual({ host: "etl-1", lacks: [expect.stringMatching(NO_FLOCK)], since: startedAt });
  if (weakness === undefined) return;
  expect(renderLimitations(weakness)).toMatch(/^host etl-1, since 2026-11-23T12:00:00.000Z: flock is not available/);
  expect(await weaknessIn(paths, {})).toBeUndefined();
  expect(await readLimitations(paths)).toEqual([]);
});

test("the run's own limitations are reported too, and again when they change", async () => {
  const paths = stateDirectory();
  expect(await weaknessIn(paths, {}, ["setpriv is missing"])).toBe("setpriv is missing");
  expect(await weaknessIn(paths, WITHOUT, ["setpriv is missing"])).toMatch(/.*; setpriv is missing$/);
  expect((await readLimitations(paths)).map(({ lacks }) => lacks.length)).toEqual([2]);
});

test("nothing is written where nothing is lacking", async () => {
  const paths = stateDirectory();
  await weaknessIn(paths, {});
  expect(existsSync(limitationsFile(paths, "etl-1"))).toBe(false);
  expect(detectLimitations({ kind: "taken" }, { limitations: [] })).toEqual([]);
});

test("a garbled file is ignored", async () => {
  const paths = stateDirectory();
  mkdirSync(locksDir(paths), { mode: 0o700 });
  for (const text of ["", "null", "[]", '{"lacks":1}', '{"lacks":[],"since":"never"}']) {
    writeFileSync(limitationsFile(paths, "etl-1"), text, { mode: 0o600 });
    expect(await readLimitations(paths)).toEqual([]);
    expect(await weaknessIn(paths, WITHOUT)).toMatch(NO_FLOCK);
  }
  expect(readdirSync(locksDir(paths)).sort()).toEqual([".weakness-etl-1.json", "dwh"]);
});

test("no lock was ever taken: there is nothing to say", async () => {
  expect(await readLimitations(stateDirectory())).toEqual([]);
});
