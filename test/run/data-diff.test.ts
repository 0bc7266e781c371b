import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { locksDir } from "../../src/storage/paths.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { untilFile } from "../support/wait.ts";
import { leaveDeadLock } from "./dead-run.ts";

const CHECK_WORDS = [...PAIR_WORDS, "--command", "run_data_diff_checks"];

/** A PipelineWise whose commands go on until the file `go` is there. */
const SLOW = "touch $HOME/$1; until [ -e $HOME/go ]; do sleep 0.05; done";

test("data-diff checks and replication of one pipeline run at the same time", async () => {
  const { host, file, records } = sandbox(SLOW);
  const both = [runMain(PAIR_WORDS, host), runMain(CHECK_WORDS, host)];
  await untilFile(file("run_tap"));
  await untilFile(file("run_data_diff_checks"));
  writeFileSync(file("go"), "");
  expect(await Promise.all(both)).toEqual([0, 0]);
  expect((await records()).map(({ command, outcome }) => `${command} ${outcome}`).sort()).toEqual([
    "run_data_diff_checks succeeded",
    "run_tap succeeded",
  ]);
});

test("data-diff checks do not run twice at once", async () => {
  const { host, file, records } = sandbox(SLOW);
  const first = runMain(CHECK_WORDS, host);
  await untilFile(file("run_data_diff_checks"));
  expect(await runMain(CHECK_WORDS, host)).toBe(75);
  expect(host.err()).toContain("skipped (overlap): microserv_1 → redshift (run_data_diff_checks) is locked by host");
  writeFileSync(file("go"), "");
  expect(await first).toBe(0);
  expect((await records()).map(({ outcome }) => outcome)).toEqual(["succeeded", "skipped"]);
});

test("a mismatch is a failed run, and its report shows the last lines", async () => {
  const { host, install } = sandbox("echo 'orders_count: 10 rows in the source, 9 in the target'; exit 1");
  install([anEntry({ command: "run_data_diff_checks", args: ["--check", "orders_count"] })]);
  expect(await runMain([...CHECK_WORDS, "--scheduled"], { ...host, now: () => new Date("2026-11-23T12:00:05Z") })).toBe(
    1,
  );
  expect(host.err()).toContain("microserv_1 → redshift (run_data_diff_checks) failed with exit code 1");
  expect(host.err()).toContain("  | orders_count: 10 rows in the source, 9 in the target");
});

test("data-diff checks do not touch the files of a PipelineWise run", async () => {
  const { host, paths, file } = sandbox();
  leaveDeadLock(paths);
  const pidfile = file(".pipelinewise/redshift/microserv_1/pipelinewise.pid");
  mkdirSync(dirname(pidfile), { recursive: true });
  writeFileSync(pidfile, "4194999");
  expect(await runMain(CHECK_WORDS, host)).toBe(0);
  expect(existsSync(pidfile)).toBe(true);
});

test("a dead run of data-diff checks is recorded as lost, and only their lock is cleared", async () => {
  const { host, paths, records } = sandbox();
  leaveDeadLock(paths, { task: "run_data_diff_checks" }, { dataDiff: true });
  expect(await main(["unlock"], host)).toBe(0);
  expect(host.out()).toContain("microserv_1 → redshift (data-diff checks): DEAD: process ");
  expect(await records()).toMatchObject([{ command: "run_data_diff_checks", outcome: "lost" }]);
  expect(readdirSync(`${locksDir(paths)}/redshift`).filter((name) => name.endsWith(".lock"))).toEqual([]);
});

test("stop ends both runs of a pipeline, and status shows both", async () => {
  const { host, file, install } = sandbox('[ "$1" = status ] && exit 0; touch $HOME/$1; exec sleep 600');
  install([anEntry(), anEntry({ command: "run_data_diff_checks" })]);
  const both = [runMain(PAIR_WORDS, host), runMain(CHECK_WORDS, host)];
  await untilFile(file("run_tap"));
  await untilFile(file("run_data_diff_checks"));
  const before = host.out().length;
  expect(await main(["status", "--json"], host)).toBe(0);
  const { pipelines } = JSON.parse(host.out().slice(before));
  expect(pipelines.map(({ running }: { running: unknown }) => running !== null)).toEqual([true, true]);
  expect(await main(["stop", ...PAIR_WORDS], host)).toBe(0);
  expect(await Promise.all(both)).toEqual([143, 143]);
  expect(host.out()).toContain("microserv_1 → redshift has ended: it was stopped");
  expect(host.out()).toContain("microserv_1 → redshift (data-diff checks) has ended: it was stopped");
});
