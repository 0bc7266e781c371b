import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import type { DeadHolder } from "../../src/lock/lock.ts";
import { diskLockFs } from "../../src/lock/lock-directory.ts";
import { recordOf, renderRecord, renderToken, tokenFileName } from "../../src/lock/owner-record.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { realClock } from "../../src/lock/processes.ts";
import { prune } from "../../src/lock/take-over.ts";
import { lockDirectory } from "../../src/storage/paths.ts";
import { claim } from "./claim.ts";
import { stateDirectory } from "./processes.ts";

const pipeline = { tap: "a", target: "dwh", dataDiff: false };
const TOKEN = "b1.1.77.4711.ff";
const OURS = [
  "a.lock.b1.1.78.4711.aa.owner.gone",
  "a.lock.b1.1.78.4711.aa.0123ab.gone",
  "a.lock.0123ab.probe",
  "a.lock.b1.1.78.4711.aa.watch",
];
/** Of other taps, whose names may look like anything, and of no one. */
const THEIRS = [
  "a.flock",
  "a.lock.x.lock",
  "a.lock.x.flock",
  "a.lock.0123ab.probe.flock",
  "a.lock.notes.gone",
  "b.lock.0123ab.probe",
];

function leftovers() {
  const paths = stateDirectory();
  const directory = lockDirectory(paths, pipeline);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const name of [...OURS, ...THEIRS]) writeFileSync(`${dirname(directory)}/${name}`, "");
  writeFileSync(`${directory}/${tokenFileName(TOKEN)}`, "");
  return { paths, directory, names: () => readdirSync(dirname(directory)).sort() };
}

test("what killed starts have left beside a lock goes, and nothing else", async () => {
  const { directory, names } = leftovers();
  await prune({ files: diskLockFs, directory, nonce: "ab" }, TOKEN, -1);
  expect(names()).toEqual([...THEIRS, "a.lock"].sort());
});

test("what may still be in use stays", async () => {
  const { directory, names } = leftovers();
  await prune({ files: diskLockFs, directory, nonce: "ab" }, TOKEN, 60_000);
  expect(names()).toEqual([...THEIRS, ...OURS, "a.lock"].sort());
});

test("a file system that fails during the cleaning does not fail the run", async () => {
  const { directory, names } = leftovers();
  const files = { ...diskLockFs, removeFile: () => Promise.reject(new Error("EIO")) };
  await expect(prune({ files, directory, nonce: "ab" }, TOKEN, -1)).resolves.toBeUndefined();
  expect(names()).toHaveLength(THEIRS.length + OURS.length + 1);
});

test("a later start reports a dead run if the start that moved its token was killed before it reported the run", async () => {
  const timing = { heartbeatMs: 1, selfFenceMs: 6, graceMs: 0, killGraceMs: 0, leaseMs: 10 };
  const locks = pipelineLocks({ timing, clock: { ...realClock, sinceBootMs: () => 0 } });
  const paths = stateDirectory();
  const directory = lockDirectory(paths, pipeline);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const dead = recordOf({ ...claim, pid: 2 ** 22 + 1, runId: "dead" }, null, timing);
  const file = `${directory}/${tokenFileName(renderToken(dead, "ff"))}`;
  writeFileSync(file, renderRecord(dead));
  utimesSync(file, new Date(5_000), new Date(5_000));
  // As if it were killed there: it goes no further.
  const killed = () => Promise.reject(new Error("killed"));
  await expect(locks.acquire(paths, pipeline, { ...claim, onDead: killed })).rejects.toThrow("killed");
  await new Promise((done) => setTimeout(done, 50));
  const told: unknown[] = [];
  for (const _ of [1, 2]) {
    const onDead = async ({ runId, lastHeartbeatAt: lastBeatAt }: DeadHolder) => void told.push([runId, lastBeatAt]);
    const attempt = await locks.acquire(paths, pipeline, { ...claim, onDead });
    if (attempt.kind === "acquired") await attempt.lock.release();
  }
  expect(told).toEqual([["dead", new Date(5_000)]]);
  expect(readdirSync(dirname(directory))).toEqual(["a.flock"]);
});

test("whoever takes the lock prunes, by a lease of its own", async () => {
  const timing = { heartbeatMs: 1, selfFenceMs: 6, graceMs: 0, killGraceMs: 0, leaseMs: 10 };
  const { paths, directory, names } = leftovers();
  await diskLockFs.removeFile(`${directory}/${tokenFileName(TOKEN)}`);
  await new Promise((done) => setTimeout(done, 50));
  const attempt = await pipelineLocks({ timing, clock: { ...realClock, sinceBootMs: () => 0 } }).acquire(
    paths,
    pipeline,
    claim,
  );
  if (attempt.kind === "acquired") await attempt.lock.release();
  expect(names()).toEqual([...THEIRS].sort());
});
