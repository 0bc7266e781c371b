import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import type { RunRecord } from "../../src/history/record.ts";
import { openHistory } from "../../src/history/store.ts";
import { runsFile, statePaths } from "../../src/storage/paths.ts";
import { testHost } from "../support/host.ts";

const RUN: RunRecord = {
  id: "0mwt00000aaaaa",
  tap: "microserv_1",
  target: "redshift",
  command: "run_tap",
  outcome: "succeeded",
  host: "one",
  scheduled: true,
  startedAt: "2026-11-23T12:00:00.000Z",
  endedAt: "2026-11-23T12:02:05.000Z",
  exitCode: 0,
  log: "/cfg/.sched/logs/redshift/microserv_1/x.log",
};

const RUNS: readonly RunRecord[] = [
  RUN,
  {
    ...RUN,
    id: "0mwt00000bbbbb",
    tap: "microserv_2",
    outcome: "failed",
    exitCode: 1,
    endedAt: "2026-11-23T12:03:00.000Z",
  },
  {
    ...RUN,
    id: "0mwt00000ccccc",
    command: "sync_tables",
    entry: "weekly",
    outcome: "skipped",
    reason: "overlap",
    detail: "is locked by host one, pid 1, since then",
    startedAt: "2026-11-23T12:05:00.000Z",
    endedAt: "2026-11-23T12:05:00.000Z",
    log: undefined,
  },
];

async function withRuns(runs: readonly RunRecord[] = RUNS) {
  const host = testHost();
  const paths = statePaths(join(host.home, ".pipelinewise"));
  mkdirSync(paths.root, { recursive: true, mode: 0o700 });
  for (const run of runs) await openHistory(paths, { ...host, name: run.host }).append(run);
  return { host, paths };
}

test("history shows runs as a table, the newest first", async () => {
  const { host } = await withRuns();
  expect(await main(["history"], host)).toBe(0);
  expect(host.out()).toMatchInlineSnapshot(`
    "Started               Tap          Target    Command             Outcome            Code  Took       Host  Run
    --------------------  -----------  --------  ------------------  -----------------  ----  ---------  ----  --------------
    2026-11-23 12:05:00Z  microserv_1  redshift  sync_tables weekly  skipped (overlap)  0                one   0mwt00000ccccc
    2026-11-23 12:00:00Z  microserv_2  redshift  run_tap             failed             1     3 min      one   0mwt00000bbbbb
    2026-11-23 12:00:00Z  microserv_1  redshift  run_tap             succeeded          0     2 min 5 s  one   0mwt00000aaaaa
    "
  `);
});

test("--tap, --target and --limit select the runs", async () => {
  const { host } = await withRuns();
  expect(await main(["history", "--json", "--tap", "microserv_1", "--target", "redshift", "--limit", "1"], host)).toBe(
    0,
  );
  expect(JSON.parse(host.out())).toEqual({
    runs: [
      {
        attempts: null,
        triggeredBy: null,
        id: "0mwt00000ccccc",
        tap: "microserv_1",
        target: "redshift",
        command: "sync_tables",
        entry: "weekly",
        outcome: "skipped",
        reason: "overlap",
        detail: "is locked by host one, pid 1, since then",
        host: "one",
        scheduled: true,
        slot: null,
        startedAt: "2026-11-23T12:05:00.000Z",
        endedAt: "2026-11-23T12:05:00.000Z",
        exitCode: 0,
        log: null,
      },
    ],
  });
});

test("history says that nothing is recorded, and --json prints an empty list", async () => {
  const host = testHost();
  mkdirSync(join(host.home, ".pipelinewise"), { mode: 0o700 });
  expect(await main(["history"], host)).toBe(0);
  expect(host.out()).toBe(`No run is recorded in ${host.home}/.pipelinewise/.sched.\n`);
  const programs = testHost({ env: host.env });
  expect(await main(["history", "--json"], programs)).toBe(0);
  expect(JSON.parse(programs.out())).toEqual({ runs: [] });
});

test("history warns about a broken line and shows the others", async () => {
  const { host, paths } = await withRuns();
  appendFileSync(runsFile(paths, "2026-11", "one"), "\0\0\0\n");
  expect(await main(["history", "--json"], host)).toBe(0);
  expect(JSON.parse(host.out()).runs).toHaveLength(3);
  expect(host.err()).toMatch(/^warning: skipped a garbled line in .*one\.jsonl, at byte \d+\n$/);
});

test.each(["0", "-1", "many", "1.5"])("--limit %s is rejected", async (limit) => {
  const { host } = await withRuns([]);
  expect(await main(["history", `--limit=${limit}`], host)).toBe(64);
  expect(host.err()).toContain("is not a number of runs");
});
