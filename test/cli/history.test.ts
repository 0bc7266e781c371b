import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { type RunRecord, renderRecordLine } from "../../src/history/record.ts";
import { openHistory } from "../../src/history/store.ts";
import { runsFile, statePaths } from "../../src/storage/paths.ts";
import { textWidth } from "../../src/text/width.ts";
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

/** Runs of two pipelines on two hosts, with skips between them. */
const MORNING: readonly RunRecord[] = [
  { ...RUN, id: "0mwt0000000001", startedAt: "2026-11-23T07:58:00.000Z", endedAt: "2026-11-23T08:00:05.000Z" },
  ...["05", "10", "15", "20", "25", "30", "35", "40", "45", "50", "55"].map((minute, index) => ({
    ...RUN,
    id: `0mwt000000001${index.toString(36)}`,
    outcome: "skipped" as const,
    reason: "overlap" as const,
    detail: "is locked by host one, pid 4711, since 2026-11-23T08:00:30.000Z (3 min)",
    host: index % 2 === 0 ? "one" : "two",
    startedAt: `2026-11-23T08:${minute}:01.000Z`,
    endedAt: `2026-11-23T08:${minute}:01.000Z`,
    log: undefined,
  })),
  {
    ...RUN,
    id: "0mwt0000000002",
    tap: "customers_of_the_old_shop",
    command: "sync_tables",
    entry: "weekly",
    outcome: "failed",
    exitCode: 1,
    host: "two",
    startedAt: "2026-11-23T08:07:00.000Z",
    endedAt: "2026-11-23T08:09:00.000Z",
  },
  {
    ...RUN,
    id: "0mwt0000000003",
    outcome: "timed-out",
    exitCode: 124,
    detail: "timed out (limit 1 h)",
    startedAt: "2026-11-23T08:00:30.000Z",
    endedAt: "2026-11-23T09:00:30.000Z",
  },
];

/** A host whose stdout is a terminal of this width. */
function terminalHost(home: string, columns: number, env: Record<string, string> = { NO_COLOR: "1" }) {
  let out = "";
  const stdout = { write: (text: string | Uint8Array) => (out += text), isTTY: true, columns };
  return { host: testHost({ env: { HOME: home, ...env }, stdout }), shown: () => out };
}

test.each([60, 80, 120, 200])("the table fits into a terminal of %i columns", async (columns) => {
  const { host } = await withRuns(MORNING);
  const terminal = terminalHost(host.home, columns);
  expect(await main(["history"], terminal.host)).toBe(0);
  expect(terminal.shown()).toMatchSnapshot();
  const widths = terminal.shown().split("\n").slice(0, -3).map(textWidth);
  expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
});

test("without a terminal the table has all columns, and nothing is shortened", async () => {
  const { host } = await withRuns(MORNING);
  expect(await main(["history"], host)).toBe(0);
  expect(host.out()).toMatchInlineSnapshot(`
    "Started                  Pipeline                                                   Outcome                 Took       Host     Run             Detail
    -----------------------  ---------------------------------------------------------  ----------------------  ---------  -------  --------------  -----------------------------------------------------------------------
    2026-11-23 08:00:30Z     microserv_1 → redshift                                     timed-out               1 h        one      0mwt0000000003  timed out (limit 1 h)
    2026-11-23 08:05–08:55Z  microserv_1 → redshift                                     11 × skipped (overlap)             2 hosts                  is locked by host one, pid 4711, since 2026-11-23T08:00:30.000Z (3 min)
    2026-11-23 08:07:00Z     customers_of_the_old_shop → redshift (sync_tables weekly)  failed (exit code 1)    2 min      two      0mwt0000000002
    2026-11-23 07:58:00Z     microserv_1 → redshift                                     succeeded               2 min 5 s  one      0mwt0000000001

    1 succeeded, 1 failed, 1 timed-out, 11 skipped.
    "
  `);
});

test("--wide adds the path of each log, whatever the width of the terminal", async () => {
  const { host } = await withRuns(MORNING);
  const terminal = terminalHost(host.home, 40);
  expect(await main(["history", "--wide"], terminal.host)).toBe(0);
  const [head = "", , first = ""] = terminal.shown().split("\n");
  expect(head).toMatch(/Detail +Log$/);
  expect(first).toMatch(/timed out \(limit 1 h\) +\/cfg\/\.sched\/logs\/redshift\/microserv_1\/x\.log$/);
});

test("colours appear on a terminal only", async () => {
  const { host } = await withRuns();
  const terminal = terminalHost(host.home, 80, { TERM: "xterm" });
  expect(await main(["history"], terminal.host)).toBe(0);
  expect(terminal.shown()).toContain("\u001b[33mfailed (exit code 1)\u001b[39m");
  const faint = terminal
    .shown()
    .split("\n")
    .filter((line) => line.startsWith("\u001b[2m") && line.endsWith("\u001b[22m"));
  expect(faint).toEqual([expect.stringContaining("skipped (overlap)")]);
  expect(await main(["history"], host)).toBe(0);
  expect(host.out()).not.toContain("\u001b");
});

describe("folded skips", () => {
  const firstWords = (text: string) => text.split("\n").slice(2, -3);

  test("--unfold shows each skip in a row of its own", async () => {
    const { host } = await withRuns(MORNING);
    expect(await main(["history", "--unfold"], host)).toBe(0);
    expect(firstWords(host.out())).toHaveLength(14);
  });

  test("a run between two skips, or another reason, begins a new row", async () => {
    const skip = (minute: number, reason: "overlap" | "paused"): RunRecord => ({
      ...RUN,
      id: `0mwt000000010${minute}`,
      outcome: "skipped",
      reason,
      startedAt: `2026-11-23T08:0${minute}:00.000Z`,
      endedAt: `2026-11-23T08:0${minute}:00.000Z`,
    });
    const run = { ...RUN, startedAt: "2026-11-23T08:02:00.000Z", endedAt: "2026-11-23T08:02:30.000Z" };
    const skips = [skip(3, "overlap"), skip(4, "overlap"), skip(5, "paused"), skip(6, "paused")];
    const { host } = await withRuns([skip(0, "overlap"), skip(1, "overlap"), run, ...skips]);
    expect(await main(["history"], host)).toBe(0);
    expect(firstWords(host.out()).map((line) => line.replaceAll(/ {2}.*?→ redshift {2}| {2,}.*$/g, ""))).toEqual([
      expect.stringContaining("2026-11-23 08:05–08:06Z"),
      expect.stringContaining("2026-11-23 08:03–08:04Z"),
      expect.stringContaining("2026-11-23 08:02:00Z"),
      expect.stringContaining("2026-11-23 08:00–08:01Z"),
    ]);
  });

  test("two hosts that skip the same slots for two reasons give two rows", async () => {
    const skip = (minute: number, reason: "overlap" | "slot-done"): RunRecord => ({
      ...RUN,
      id: `0mwt0000001${minute}${reason === "overlap" ? 0 : 1}`,
      outcome: "skipped",
      reason,
      startedAt: `2026-11-23T08:0${minute}:00.000Z`,
      endedAt: `2026-11-23T08:0${minute}:00.000Z`,
    });
    const { host } = await withRuns(
      [1, 2, 3].flatMap((minute) => [skip(minute, "overlap"), skip(minute, "slot-done")]),
    );
    expect(await main(["history"], host)).toBe(0);
    expect(firstWords(host.out())).toEqual([
      expect.stringMatching(/08:01–08:03Z .* 3 × skipped \(slot-done\)/),
      expect.stringMatching(/08:01–08:03Z .* 3 × skipped \(overlap\)/),
    ]);
  });

  test("--limit counts rows, and a row has all skips up to the run before them", async () => {
    const { host } = await withRuns(MORNING);
    expect(await main(["history", "--limit", "3"], host)).toBe(0);
    expect(host.out()).toContain("11 × skipped (overlap)");
    expect(host.out()).toContain("1 failed, 1 timed-out, 11 skipped.");
  });

  test("skips of two days show both dates, by the times at which they were due", async () => {
    const skip = (id: string, slot: string): RunRecord => ({
      ...RUN,
      id,
      outcome: "skipped",
      reason: "paused",
      slot,
      startedAt: "2026-11-24T06:00:00.000Z",
      endedAt: "2026-11-24T06:00:00.000Z",
    });
    const { host } = await withRuns([
      skip("0mwt00000a0001", "2026-11-23T23:55:00.000Z"),
      skip("0mwt00000a0002", "2026-11-24T00:05:00.000Z"),
    ]);
    expect(await main(["history"], host)).toBe(0);
    expect(host.out()).toContain("2026-11-23 23:55–2026-11-24 00:05Z");
  });
});

describe("selection", () => {
  const NOW = new Date("2026-11-23T09:30:00.000Z");
  const idsOf = async (...options: readonly string[]) => {
    const { host } = await withRuns(MORNING);
    const now = testHost({ env: host.env, now: () => NOW });
    expect(await main(["history", "--json", ...options], now)).toBe(0);
    return JSON.parse(now.out()).runs.map(({ id }: RunRecord) => id.slice(-3));
  };

  test.each([
    [
      ["--outcome", "failed,timed-out"],
      ["003", "002"],
    ],
    [["--outcome", "succeeded"], ["001"]],
    [["--host", "two", "--outcome", "failed"], ["002"]],
    [["--tap", "customers_of_the_old_shop"], ["002"]],
    [
      ["--since", "2026-11-23T08:55:00Z"],
      ["003", "01a"],
    ],
    [["--since", "31m"], ["003"]],
    [["--until", "2026-11-23T08:05:00Z"], ["001"]],
    [
      ["--since", "2026-11-23T08:05:00Z", "--until", "2026-11-23T08:10:00Z"],
      ["002", "010"],
    ],
    [["--since", "2026-11-23T08:00:00Z", "--limit", "1"], ["003"]],
  ])("%j", async (options, expected) => {
    expect(await idsOf(...options)).toEqual(expected);
  });

  test("--outcome lost leaves out a run that has recorded its own end", async () => {
    const lost: RunRecord = { ...RUN, outcome: "lost", exitCode: undefined, log: undefined };
    const own: RunRecord = { ...RUN, outcome: "lock-lost", endedAt: "2026-11-23T12:09:00.000Z" };
    const { host } = await withRuns([lost, own, { ...lost, id: "0mwt00000fffff" }]);
    expect(await main(["history", "--json", "--outcome", "lost"], host)).toBe(0);
    expect(JSON.parse(host.out()).runs.map(({ id }: RunRecord) => id)).toEqual(["0mwt00000fffff"]);
  });

  test("--since shows all records of its period, and without it there are 20", async () => {
    const many = Array.from({ length: 30 }, (_, index) => ({ ...RUN, id: `0mwt00000b00${10 + index}` }));
    const { host } = await withRuns(many);
    const count = async (...options: readonly string[]) => {
      const reader = testHost({ env: host.env });
      expect(await main(["history", "--json", ...options], reader)).toBe(0);
      return JSON.parse(reader.out()).runs.length;
    };
    expect(await count()).toBe(20);
    expect(await count("--since", "2026-11-01")).toBe(30);
    expect(await count("--limit", "all")).toBe(30);
  });

  test.each([
    [["--outcome", "faild"], 'unknown outcome "faild"; did you mean failed?'],
    [
      ["--since", "yesterday"],
      '--since "yesterday" is not a valid date or time\n  Write an instant, such as 2026-10-25T00:00Z, or a duration before now, such as 24h or 7d.',
    ],
    [["--since", "5y"], '--since: "5y" is not a duration'],
    [["--since", "2026-11-23", "--until", "2026-11-22"], "--until 2026-11-22 is not after --since 2026-11-23"],
    [["--json", "--csv"], "'--json' cannot be used with option '--csv'"],
  ])("%j is refused", async (options, message) => {
    const { host } = await withRuns([]);
    expect(await main(["history", ...options], host)).toBe(64);
    expect(host.err()).toContain(message);
  });

  test("a sentence says that the options select nothing", async () => {
    const { host } = await withRuns();
    expect(await main(["history", "--host", "three"], host)).toBe(0);
    expect(host.out()).toBe(`No run that these options select is recorded in ${host.home}/.pipelinewise/.sched.\n`);
  });
});

test("--csv prints a line for each record, with its log", async () => {
  const { host } = await withRuns([
    { ...RUN, outcome: "stopped", detail: 'was stopped by ada ("source moved", urgent)' },
  ]);
  expect(await main(["history", "--csv"], host)).toBe(0);
  expect(host.out().split("\n")).toEqual([
    "id,tap,target,command,entry,outcome,reason,detail,host,scheduled,slot,startedAt,endedAt,exitCode,log,attempts,triggeredBy",
    '0mwt00000aaaaa,microserv_1,redshift,run_tap,,stopped,,"was stopped by ada (""source moved"", urgent)",one,true,,2026-11-23T12:00:00.000Z,2026-11-23T12:02:05.000Z,0,/cfg/.sched/logs/redshift/microserv_1/x.log,,',
    "",
  ]);
});

test("the summary has the median and the 95th percentile of the runs that succeeded", async () => {
  const runs = Array.from({ length: 20 }, (_, index) => ({
    ...RUN,
    id: `0mwt00000c00${10 + index}`,
    startedAt: "2026-11-23T12:00:00.000Z",
    endedAt: new Date(Date.parse("2026-11-23T12:00:00Z") + (index + 1) * 1_000).toISOString(),
  }));
  const { host } = await withRuns([...runs, { ...RUN, id: "0mwt00000d0000", outcome: "failed" }]);
  expect(await main(["history", "--limit", "all"], host)).toBe(0);
  expect(host.out()).toMatch(/\n20 succeeded, 1 failed\. Runs that succeeded took 10 s \(p50\) and 19 s \(p95\)\.\n$/);
});

test("a table of several batches has one head, and its columns get wider where they must", async () => {
  const runs = Array.from({ length: 1_100 }, (_, index) => ({
    ...RUN,
    id: `0mwt00000e${1_000 + index}`,
    tap: index < 50 ? "a_tap_with_a_long_name" : "tap",
    endedAt: new Date(Date.parse("2026-11-23T12:00:00Z") + index * 1_000).toISOString(),
  }));
  const { host, paths } = await withRuns([]);
  mkdirSync(join(paths.root, "runs", "2026-11"), { recursive: true, mode: 0o700 });
  writeFileSync(runsFile(paths, "2026-11", "one"), runs.map(renderRecordLine).join(""), { mode: 0o600 });
  expect(await main(["history", "--limit", "all"], host)).toBe(0);
  const lines = host.out().split("\n");
  expect(lines).toHaveLength(1_100 + 5);
  expect(lines.filter((line) => line.startsWith("Started"))).toHaveLength(1);
  expect(new Set(lines.slice(2, 1_002).map((line) => line.indexOf("succeeded")))).toEqual(new Set([38]));
  expect(new Set(lines.slice(1_002, 1_102).map((line) => line.indexOf("succeeded")))).toEqual(new Set([57]));
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
  expect(host.err()).toContain("is not a number of rows");
});

test("an id that no schedule, config.json or record names ends with 66 and the nearest name", async () => {
  const { host, paths } = await withRuns();
  const targets = [{ id: "redshift", taps: [{ id: "microserv_7" }] }];
  writeFileSync(join(paths.configDir, "config.json"), JSON.stringify({ targets }));
  expect(await main(["history", "--tap", "microserv7"], host)).toBe(66);
  expect(host.out()).toBe("");
  expect(host.err()).toContain("the tap microserv7 is not in an installed schedule");
  expect(host.err()).toContain("did you mean microserv_7?");
  expect(await main(["history", "--tap", "microserv_7"], host)).toBe(0);
  expect(await main(["history", "--tap", "microserv_2", "--json"], host)).toBe(0);
});
