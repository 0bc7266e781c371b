import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { openLastRuns } from "../../src/history/store.ts";
import { lastRunFile, lastSkipFile } from "../../src/storage/paths.ts";
import { anEntry, looseLocks, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { leaveDeadLock } from "./dead-run.ts";

const LOCK = { tap: "microserv_1", target: "redshift", dataDiff: false };
const SCHEDULED = [...PAIR_WORDS, "--scheduled"];

const OBSTACLES = [
  ["a directory", (path: string) => mkdirSync(path)],
  ["a FIFO", (path: string) => execFileSync("mkfifo", [path])],
  ["a link to itself", (path: string) => symlinkSync(basename(path), path)],
] as const;
const FILES = [
  ["the newest run's file", lastRunFile],
  ["the newest skip's file", lastSkipFile],
] as const;
const cases = OBSTACLES.flatMap(([what, make]) => FILES.map(([where, file]) => [what, where, make, file] as const));

describe.each(cases)("%s in place of %s", (_what, _where, make, fileOf) => {
  function obstructed(script?: string) {
    const box = sandbox(script);
    box.install();
    const path = fileOf(box.paths, LOCK);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    make(path);
    const lines = () =>
      box.host
        .err()
        .split("\n")
        .filter((line) => line.includes(path));
    return { ...box, path, lines };
  }

  test("does not stop a run, which says once what to remove", async () => {
    const { host, records, path, lines } = obstructed();
    expect(await runMain(SCHEDULED, host)).toBe(0);
    expect(await records()).toMatchObject([{ outcome: "succeeded" }]);
    expect(lines()).toEqual([
      expect.stringContaining(`${path} is not a regular file. Find out who created it, then remove it`),
    ]);
    expect(host.err()).not.toContain("could not be recorded");
  });

  test("does not stop the start that finds a lost run", async () => {
    const { host, paths, records } = obstructed();
    leaveDeadLock(paths);
    expect(await runMain(SCHEDULED, host)).toBe(0);
    expect((await records()).map(({ outcome }) => outcome).sort()).toEqual(["lost", "succeeded"]);
  });

  test("does not change the end of a skip", async () => {
    const { host, paths, records } = obstructed();
    const targets = [{ id: "redshift", taps: [{ id: "microserv_1", enabled: false }] }];
    writeFileSync(join(paths.configDir, "config.json"), JSON.stringify({ targets }));
    expect(await runMain(SCHEDULED, host)).toBe(0);
    expect(await records()).toMatchObject([{ outcome: "skipped", reason: "disabled" }]);
  });

  test("leaves status with the newest run", async () => {
    const { host, path, lines } = obstructed('[ "$1" != status ] || exit 1; exit 3');
    expect(await runMain(SCHEDULED, host)).toBe(3);
    const before = lines().length;
    expect(await main(["status", "--json"], host)).toBe(0);
    expect(JSON.parse(host.out()).pipelines).toMatchObject([{ lastRun: { outcome: "failed", exitCode: 3 } }]);
    // If only the file of the newest skip is obstructed, the run has written its own file.
    expect(lines().slice(before)).toEqual([expect.stringContaining(`warning: ${path} is not a regular file`)]);
  });
});

test("a run that cannot create its directory in last/ names the file to remove", async () => {
  const { host, paths, records } = sandbox("exit 4");
  const directory = dirname(lastRunFile(paths, LOCK));
  mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
  writeFileSync(directory, "");
  expect(await runMain(PAIR_WORDS, host)).toBe(4);
  expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 4 }]);
  expect(host.err()).toContain(`${directory} is not a directory. Find out who created it, then remove it`);
  expect(host.err()).not.toContain("could not be recorded");
});

test("a run says that the newest record was not written, if the history was", async () => {
  const { host, paths, records } = sandbox(
    'umask 077; mkdir -p "$HOME/.pipelinewise/.sched/last/redshift/microserv_1.json"',
  );
  expect(await runMain(PAIR_WORDS, host)).toBe(0);
  expect(await records()).toMatchObject([{ outcome: "succeeded" }]);
  const path = lastRunFile(paths, LOCK);
  expect(host.err()).toBe(
    `pipelinewise-sched: microserv_1 → redshift: this is recorded in the history, but not as the newest record for status: ${path} is not a regular file. Find out who created it, then remove it\n`,
  );
});

test("a run that lost its lock does not replace the newest run of the holder after it", async () => {
  let lose: (why: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    lose = resolve;
  });
  const { host, paths, records, install } = sandbox();
  install([anEntry()]);
  const locks = looseLocks(lost);
  const later = { ...host, now: () => new Date("2026-11-23T12:05:00Z") };
  const takingOver = {
    ...locks,
    acquire: async (...args: Parameters<typeof locks.acquire>) => {
      // The next holder starts and ends before this run notices that it has lost its lock.
      expect(await runMain(PAIR_WORDS, later, { locks: looseLocks() })).toBe(0);
      lose("its record was taken away");
      return locks.acquire(...args);
    },
  };
  expect(await runMain(PAIR_WORDS, host, { locks: takingOver, timing: { graceMs: 20, killGraceMs: 20 } })).toBe(74);
  expect((await records()).map(({ outcome }) => outcome).sort()).toEqual(["lock-lost", "succeeded"]);
  const { runs } = await openLastRuns({ paths, lock: LOCK, host }).read();
  expect(runs.get("run_tap")).toMatchObject({ outcome: "succeeded", startedAt: "2026-11-23T12:05:00.000Z" });
});
