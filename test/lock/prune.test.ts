import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import type { DeadHolder } from "../../src/lock/lock.ts";
import { diskLockFs } from "../../src/lock/lock-directory.ts";
import { recordOf, renderRecord, renderToken, tokenFileName } from "../../src/lock/owner-record.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { realClock } from "../../src/lock/processes.ts";
import { prune } from "../../src/lock/take-over.ts";
import { lockFolder } from "../../src/storage/paths.ts";
import { stateFolder } from "./processes.ts";

const pipeline = { tap: "a", target: "dwh" };
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
  const paths = stateFolder();
  const folder = lockFolder(paths, pipeline);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of [...OURS, ...THEIRS]) writeFileSync(`${dirname(folder)}/${name}`, "");
  writeFileSync(`${folder}/${tokenFileName(TOKEN)}`, "");
  return { paths, folder, names: () => readdirSync(dirname(folder)).sort() };
}

test("what killed starts have left beside a lock goes, and nothing else", async () => {
  const { folder, names } = leftovers();
  await prune({ files: diskLockFs, folder, nonce: "ab" }, TOKEN, -1);
  expect(names()).toEqual([...THEIRS, "a.lock"].sort());
});

test("what may still be in use stays", async () => {
  const { folder, names } = leftovers();
  await prune({ files: diskLockFs, folder, nonce: "ab" }, TOKEN, 60_000);
  expect(names()).toEqual([...THEIRS, ...OURS, "a.lock"].sort());
});

test("a share that fails meanwhile is no fault of the run", async () => {
  const { folder, names } = leftovers();
  const files = { ...diskLockFs, removeFile: () => Promise.reject(new Error("EIO")) };
  await expect(prune({ files, folder, nonce: "ab" }, TOKEN, -1)).resolves.toBeUndefined();
  expect(names()).toHaveLength(THEIRS.length + OURS.length + 1);
});

test("a dead run is told of once, by a later start, where the one that took its token away was killed before it had", async () => {
  const timing = { heartbeatMs: 1, selfFenceMs: 6, graceMs: 0, killGraceMs: 0, leaseMs: 10 };
  const locks = pipelineLocks({ timing, clock: { ...realClock, sinceBootMs: () => 0 } });
  const claim = { host: "here", pid: process.pid, uid: process.getuid?.() ?? 0, runId: "new", startedAt: new Date(0) };
  const paths = stateFolder();
  const folder = lockFolder(paths, pipeline);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const dead = recordOf({ ...claim, pid: 2 ** 22 + 1, runId: "dead" }, null, timing);
  const file = `${folder}/${tokenFileName(renderToken(dead, "ff"))}`;
  writeFileSync(file, renderRecord(dead));
  utimesSync(file, new Date(5_000), new Date(5_000));
  // As if it were killed there: it goes no further.
  const killed = () => Promise.reject(new Error("killed"));
  await expect(locks.acquire(paths, pipeline, { ...claim, onDead: killed })).rejects.toThrow("killed");
  await new Promise((done) => setTimeout(done, 50));
  const told: unknown[] = [];
  for (const _ of [1, 2]) {
    const onDead = async ({ runId, lastBeatAt }: DeadHolder) => void told.push([runId, lastBeatAt]);
    const attempt = await locks.acquire(paths, pipeline, { ...claim, onDead });
    if (attempt.kind === "acquired") await attempt.lock.release();
  }
  expect(told).toEqual([["dead", new Date(5_000)]]);
  expect(readdirSync(dirname(folder))).toEqual(["a.flock"]);
});

test("whoever takes the lock prunes, by a lease of its own", async () => {
  const timing = { heartbeatMs: 1, selfFenceMs: 6, graceMs: 0, killGraceMs: 0, leaseMs: 10 };
  const { paths, folder, names } = leftovers();
  await diskLockFs.removeFile(`${folder}/${tokenFileName(TOKEN)}`);
  await new Promise((done) => setTimeout(done, 50));
  const attempt = await pipelineLocks({ timing, clock: { ...realClock, sinceBootMs: () => 0 } }).acquire(
    paths,
    pipeline,
    {
      ...{ host: "here", pid: process.pid, uid: process.getuid?.() ?? 0, runId: "r1", startedAt: new Date(0) },
    },
  );
  if (attempt.kind === "acquired") await attempt.lock.release();
  expect(names()).toEqual([...THEIRS].sort());
});
