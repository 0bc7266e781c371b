import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { flockFile, lockDirectory } from "../../src/storage/paths.ts";
import { isProcessRunning, startTicksOf } from "../../src/system/proc.ts";
import { poll } from "../support/wait.ts";
import { buildContender, type Contender, startContender, stateDirectory } from "./processes.ts";

const HOLDERS = 20;
const ROUNDS = 4;
const layers = [
  { name: "both layers", options: {} },
  { name: "the record alone", options: { flockProgram: "no-such-flock" } },
] as const;
const fast = { heartbeatMs: 1_000, selfFenceMs: 6_000, graceMs: 100, killGraceMs: 100, leaseMs: 10_000 };
const pipeline = { tap: "a", target: "dwh", dataDiff: false };
const taps = Array.from({ length: ROUNDS }, (_, round) => `round_${round}`);

let built: Awaited<ReturnType<typeof buildContender>>;
beforeAll(async () => {
  built = await buildContender();
});
afterAll(() => built.remove());

/** Ends a process that is not our child, if it has not ended yet. */
function end(pid: number | undefined): void {
  if (pid === undefined || !isProcessRunning(pid, startTicksOf(pid))) return;
  process.kill(pid, "SIGKILL");
}

describe.each(layers)("with $name", ({ options }) => {
  const contenders = (paths: ReturnType<typeof stateDirectory>, count: number): Promise<Contender[]> =>
    Promise.all(Array.from({ length: count }, () => startContender(built.program, paths, options)));

  test("of twenty processes exactly one gets a free lock, and one again after its release", async () => {
    const all = await contenders(stateDirectory(), HOLDERS);
    for (const tap of taps) {
      const answers = await Promise.all(all.map((contender) => contender.ask("take", tap)));
      const winners = all.filter((_, index) => answers[index]?.kind === "acquired");
      expect(answers.filter(({ kind }) => kind !== "acquired" && kind !== "held")).toEqual([]);
      expect(winners).toHaveLength(1);
    }
    for (const contender of all) await contender.ask("release", "round_0");
    const again = await Promise.all(all.map((contender) => contender.ask("take", "round_0")));
    expect(again.filter(({ kind }) => kind === "acquired")).toHaveLength(1);
  });

  test("of twenty processes exactly one takes over what a killed one left, and says from whom", async () => {
    const paths = stateDirectory();
    const victim = await startContender(built.program, paths, options);
    for (const tap of taps) expect(await victim.ask("take", tap)).toMatchObject({ kind: "acquired" });
    await victim.kill();
    const all = await contenders(paths, HOLDERS);
    for (const tap of taps) {
      const answers = await Promise.all(all.map((contender) => contender.ask("take", tap)));
      const winners = answers.filter(({ kind }) => kind === "acquired");
      expect(winners).toHaveLength(1);
      if (options === layers[0].options) expect(winners[0]?.tookOverFrom?.pid).toBe(victim.pid);
    }
  });

  test("a second process learns who holds the lock, and gets it after the release", async () => {
    const paths = stateDirectory();
    const [first, second] = await contenders(paths, 2);
    await first?.ask("take", "a");
    const holder = { host: "here", pid: first?.pid, startedAt: "2026-11-23T12:00:00.000Z" };
    expect(await second?.ask("look", "a")).toMatchObject({ holder });
    expect(await second?.ask("take", "a")).toMatchObject({ kind: "held", holder, state: { kind: "alive" } });
    await first?.ask("release", "a");
    expect(await second?.ask("look", "a")).toEqual({});
    expect(await second?.ask("take", "a")).toMatchObject({ kind: "acquired" });
  });

  test("after kill -9 of the wrapper the lock stays held until the last process of the pipeline ends", async () => {
    const paths = stateDirectory();
    const [first, second] = await contenders(paths, 2);
    await first?.ask("take", "a");
    const child = await first?.ask("child", "a");
    onTestFinished(() => end(child?.pid));
    await first?.kill();
    expect(await second?.ask("look", "a")).toEqual({});
    expect(await second?.ask("take", "a")).toMatchObject({
      kind: "held",
      holder: { pid: first?.pid },
      state: { kind: "orphans", pids: [child?.pid] },
    });
    end(child?.pid);
    const free = await poll(
      () => second?.ask("take", "a"),
      (answer) => answer?.kind !== "held",
    );
    expect(free).toMatchObject({ kind: "acquired", tookOverFrom: { pid: first?.pid } });
  });

  test("an empty lock directory, left by a crash while it was made, blocks nobody", async () => {
    const paths = stateDirectory();
    mkdirSync(lockDirectory(paths, pipeline), { recursive: true, mode: 0o700 });
    const all = await contenders(paths, 4);
    const answers = await Promise.all(all.map((contender) => contender.ask("take", "a")));
    expect(answers.map(({ kind }) => kind).sort()).toEqual(["acquired", "held", "held", "held"]);
  });
});

test("a release leaves the flock file and nothing else", async () => {
  const paths = stateDirectory();
  const contender = await startContender(built.program, paths);
  await contender.ask("take", "a");
  await contender.ask("release", "a");
  expect(readdirSync(dirname(flockFile(paths, pipeline)))).toEqual(["a.flock"]);
});

test("without a flock program the lock reports once that only the lock file protects the pipeline", async () => {
  const contender = await startContender(built.program, stateDirectory(), { flockProgram: "no-such-flock" });
  expect(await contender.ask("take", "a")).toMatchObject({
    flock: false,
    weakness: expect.stringContaining("flock could not be started"),
  });
});

test.each(["SIGTERM", "SIGHUP"] as const)("%s to a holder frees nothing while its pipeline runs", async (signal) => {
  const paths = stateDirectory();
  const [first, second] = await Promise.all([
    startContender(built.program, paths),
    startContender(built.program, paths),
  ]);
  await first.ask("take", "a");
  const child = await first.ask("child", "a");
  onTestFinished(() => end(child.pid));
  await first.kill(signal);
  expect(readdirSync(lockDirectory(paths, pipeline))).toHaveLength(1);
  expect(await second.ask("take", "a")).toMatchObject({ kind: "held", state: { kind: "orphans" } });
});

test("a holder whose lock directory is removed learns that its lock is lost", async () => {
  const paths = stateDirectory();
  const contender = await startContender(built.program, paths, { timing: fast });
  await contender.ask("take", "a");
  rmSync(lockDirectory(paths, pipeline), { recursive: true });
  expect((await contender.ask("lost", "a")).why).toMatch(/record no longer exists/);
  expect(await contender.ask("release", "a")).toEqual({ released: "a" });
  expect(await contender.ask("take", "a")).toMatchObject({ kind: "acquired" });
});

test("a holder that lost its lock cannot touch its successor's", async () => {
  const paths = stateDirectory();
  const options = { flockProgram: "no-such-flock", timing: fast };
  const [first, second] = await Promise.all([1, 2].map(() => startContender(built.program, paths, options)));
  await first?.ask("take", "a");
  rmSync(lockDirectory(paths, pipeline), { recursive: true });
  const taken = await second?.ask("take", "a");
  await first?.ask("lost", "a");
  await first?.ask("release", "a");
  expect(readdirSync(lockDirectory(paths, pipeline))).toEqual([`owner.${taken?.token}.json`]);
  expect(await first?.ask("take", "a")).toMatchObject({ kind: "held", holder: { pid: second?.pid } });
});

test.each([
  { what: "a symbolic link for the lock directory", path: lockDirectory, expected: /a\.lock is a symbolic link/ },
  { what: "a symbolic link for the flock file", path: flockFile, expected: /a\.flock: it is a symbolic link/ },
])("refuses $what", async ({ path, expected }) => {
  const paths = stateDirectory();
  const link = path(paths, pipeline);
  mkdirSync(dirname(link), { recursive: true, mode: 0o700 });
  symlinkSync(paths.configDir, link);
  const contender = await startContender(built.program, paths);
  expect(await contender.ask("take", "a")).toMatchObject({
    name: "StoreError",
    message: expect.stringMatching(expected),
  });
});

test("refuses a lock directory that contains a file which this program did not create", async () => {
  const paths = stateDirectory();
  mkdirSync(lockDirectory(paths, pipeline), { recursive: true, mode: 0o700 });
  writeFileSync(join(lockDirectory(paths, pipeline), "notes.txt"), "");
  const contender = await startContender(built.program, paths);
  expect(await contender.ask("take", "a")).toMatchObject({
    name: "StoreError",
    message: expect.stringContaining('contains "notes.txt"'),
  });
});
