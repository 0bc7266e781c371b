import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { tendMain } from "../../src/cli/tend-command.ts";
import type { RunRecord } from "../../src/history/record.ts";
import { openHistory, openLastRuns } from "../../src/history/store.ts";
import { renderMetrics } from "../../src/metrics/text-format.ts";
import { lockOf } from "../../src/pipeline-id.ts";
import { lastRunFile, lockDirectory, pauseFile } from "../../src/storage/paths.ts";
import { leaveDeadLock } from "../run/dead-run.ts";
import { anEntry, hasWaiter, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { until } from "../support/wait.ts";

type Box = ReturnType<typeof sandbox>;

const LABELS = 'tap="microserv_1",target="redshift",command="run_tap"';
const NOON = { now: () => new Date("2026-11-23T12:00:00Z") };

async function metricsOf({ host }: Pick<Box, "host">, ...words: readonly string[]): Promise<string> {
  expect(await main(["metrics", ...words], host)).toBe(0);
  return host.out();
}

/** The value of a series; `undefined` if it is absent. */
function seriesValue(text: string, series: string): string | undefined {
  const line = text.split("\n").find((one) => one.startsWith(`pipelinewise_sched_${series} `));
  return line?.slice(line.lastIndexOf(" ") + 1);
}

const RUN: RunRecord = {
  id: "0mwt00000aaaaa",
  tap: "microserv_1",
  target: "redshift",
  command: "run_tap",
  outcome: "succeeded",
  host: "testhost",
  scheduled: true,
  startedAt: "2026-11-23T11:00:00.000Z",
  endedAt: "2026-11-23T11:02:05.500Z",
};

/** A box whose history has these runs, the newest last. */
async function withRuns(runs: readonly Partial<RunRecord>[], entries = [anEntry()]) {
  const box = sandbox("exit 0", NOON);
  box.install(entries);
  const last = openLastRuns({ paths: box.paths, lock: lockOf(anEntry()), host: box.host });
  for (const [index, changes] of runs.entries()) {
    const run = { ...RUN, id: `0mwt0000${index}aaaaa`, ...changes };
    await openHistory(box.paths, box.host).append(run);
    if (run.outcome === "skipped") await last.writeSkip(run);
    else await last.writeRun(run);
  }
  return box;
}

describe("metrics in Prometheus's text format", () => {
  test.each([
    ["a quote", 'a"b', 'a\\"b'],
    ["a backslash", "a\\b", "a\\\\b"],
    ["a line end", "a\nb", "a\\nb"],
  ])("escape %s in the value of a label", (_what, value, escaped) => {
    const text = renderMetrics([{ name: "m", help: "h", samples: [{ labels: { label: value }, value: 1 }] }]);
    expect(text).toBe(`# HELP m h\n# TYPE m gauge\nm{label="${escaped}"} 1\n`);
  });

  test("leave out a metric without a sample", () => {
    expect(renderMetrics([{ name: "m", help: "h", samples: [] }])).toBe("");
  });
});

describe("metrics", () => {
  test("shows the last run of an entry, its newest success and its next due time", async () => {
    const box = await withRuns([
      {},
      { outcome: "failed", startedAt: "2026-11-23T11:30:00.000Z", endedAt: "2026-11-23T11:31:00.100Z" },
    ]);
    const text = await metricsOf(box);
    expect(seriesValue(text, `last_run_outcome{${LABELS},outcome="failed"}`)).toBe("1");
    expect(seriesValue(text, `last_run_outcome{${LABELS},outcome="succeeded"}`)).toBe("0");
    expect(seriesValue(text, `last_run_start_timestamp_seconds{${LABELS}}`)).toBe("1795433400");
    expect(seriesValue(text, `last_run_duration_seconds{${LABELS}}`)).toBe("60.1");
    expect(seriesValue(text, `last_success_timestamp_seconds{${LABELS}}`)).toBe("1795431725.5");
    expect(seriesValue(text, `next_due_timestamp_seconds{${LABELS}}`)).toBe("1795435500");
    expect(seriesValue(text, `running{${LABELS}}`)).toBe("0");
    expect(seriesValue(text, `queued{${LABELS}}`)).toBe("0");
    expect(seriesValue(text, `build_info{schedule="pipelinewise",version="${box.host.version}"}`)).toBe("1");
  });

  test("has no value for what is not known of an entry that never ran", async () => {
    const text = await metricsOf(await withRuns([]));
    expect(text).not.toContain("last_");
    expect(seriesValue(text, `recent_runs{${LABELS},outcome="succeeded"}`)).toBe("0");
  });

  test.each([
    ["an entry that is late", 30 * 60_000, "1674.5"],
    ["an entry that is not late", 24 * 3_600_000, "0"],
    ["an entry without fresh_within", undefined, undefined],
  ])("shows by how much %s is late", async (_what, freshWithinMs, expected) => {
    const text = await metricsOf(await withRuns([{}], [anEntry({ policies: { freshWithinMs } })]));
    expect(seriesValue(text, `late_seconds{${LABELS}}`)).toBe(expected);
  });

  test("counts the runs and skips of the last 24 hours by outcome and reason", async () => {
    const at = (endedAt: string): Partial<RunRecord> => ({ startedAt: endedAt, endedAt });
    const text = await metricsOf(
      await withRuns([
        at("2026-11-22T11:59:59.000Z"),
        at("2026-11-22T12:00:01.000Z"),
        { ...at("2026-11-22T13:00:00.000Z"), outcome: "failed" },
        { ...at("2026-11-22T14:00:00.000Z"), outcome: "failed", reason: "hook" },
        { ...at("2026-11-22T15:00:00.000Z"), outcome: "skipped", reason: "overlap" },
        { ...at("2026-11-22T16:00:00.000Z"), outcome: "skipped", reason: "overlap" },
        { ...at("2026-11-22T17:00:00.000Z"), entry: "weekly" },
      ]),
    );
    const count = (kind: string) => seriesValue(text, `recent_runs{${LABELS},${kind}}`);
    expect(count('outcome="succeeded"')).toBe("1");
    expect(count('outcome="failed"')).toBe("1");
    expect(count('outcome="failed",reason="hook"')).toBe("1");
    expect(count('outcome="skipped",reason="overlap"')).toBe("2");
    expect(count('outcome="skipped",reason="limit"')).toBe("0");
  });

  test("shows a start that waits for the running run as queued", async () => {
    const box = sandbox('touch "$HOME/started"; while [ ! -e "$HOME/go" ]; do sleep 0.1; done');
    box.install([anEntry({ policies: { onOverlap: { waitMs: 60_000 } } })]);
    const first = main(["run", ...PAIR_WORDS], box.host);
    await until("the first run is running", () => existsSync(box.file("started")));
    const second = main(["run", ...PAIR_WORDS], box.host);
    await until("the second one waits", () => hasWaiter(box.paths));
    const reader = sandbox("exit 0", { env: box.host.env });
    const text = await metricsOf(reader);
    writeFileSync(box.file("go"), "");
    expect(await Promise.all([first, second])).toEqual([0, 0]);
    expect(seriesValue(text, `running{${LABELS}}`)).toBe("1");
    expect(seriesValue(text, `queued{${LABELS}}`)).toBe("1");
  });

  test.skipIf(!existsSync("dist/main.cjs"))("shows a run while it is running", async () => {
    const box = sandbox(
      `touch "$HOME/started"; ${process.execPath} ${process.cwd()}/bin/pipelinewise-sched.cjs metrics > "$HOME/seen"`,
    );
    box.install();
    expect(await main(["run", ...PAIR_WORDS], box.host)).toBe(0);
    expect(seriesValue(readFileSync(box.file("seen"), "utf8"), `running{${LABELS}}`)).toBe("1");
    expect(seriesValue(await metricsOf(box), `running{${LABELS}}`)).toBe("0");
  });

  test.each([
    ["an entry that the schedule file disables", { policies: { enabled: false as const } }, undefined],
    ["an entry without times", { crons: [], after: [{ tap: "a", target: "b" }] }, undefined],
    ["an entry in another time zone", { crons: ["0 9 * * *"], timezone: "Asia/Kolkata" }, "1795491000"],
  ])("shows when an entry is due next: %s", async (_what, changes, expected) => {
    const text = await metricsOf(await withRuns([], [anEntry(changes)]));
    expect(seriesValue(text, `next_due_timestamp_seconds{${LABELS}}`)).toBe(expected);
  });

  test("distinguishes the entries of one pipeline by their ids", async () => {
    const text = await metricsOf(await withRuns([], [anEntry(), anEntry({ id: "nightly" })]));
    expect(seriesValue(text, `running{${LABELS}}`)).toBe("0");
    expect(seriesValue(text, `running{${LABELS},entry="nightly"}`)).toBe("0");
  });

  test("prints each metric once for several schedules, and only one of them with --name", async () => {
    const box = await withRuns([]);
    box.install([anEntry({ tap: "other" })], { name: "second" });
    const both = await metricsOf(box);
    expect(both.match(/^# TYPE pipelinewise_sched_running gauge$/gm)).toHaveLength(1);
    expect(both.match(/^pipelinewise_sched_running\{/gm)).toHaveLength(2);
    const one = sandbox("exit 0", { ...NOON, env: box.host.env });
    expect((await metricsOf(one, "--name", "second")).match(/^pipelinewise_sched_running\{/gm)).toHaveLength(1);
  });

  test.each([
    [[], "no schedule is installed in /"],
    [["--name", "nope"], "no schedule named nope is installed in /"],
  ])("ends with an error if nothing is installed: %j", async (words, message) => {
    const { host } = sandbox();
    expect(await main(["metrics", ...words], host)).toBe(66);
    expect(host.err()).toContain(message);
  });

  test("leaves out an entry whose state cannot be read, counts it, and shows the others", async () => {
    const box = await withRuns([{}], [anEntry(), anEntry({ tap: "other" })]);
    const directory = lockDirectory(box.paths, lockOf(anEntry()));
    mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
    writeFileSync(directory, "not a directory");
    const text = await metricsOf(box);
    expect(seriesValue(text, 'unreadable_entries{schedule="pipelinewise"}')).toBe("1");
    expect(seriesValue(text, `running{${LABELS}}`)).toBeUndefined();
    expect(seriesValue(text, 'running{tap="other",target="redshift",command="run_tap"}')).toBe("0");
    expect(box.host.err()).toContain("warning: the metrics have no series of microserv_1");
  });

  test.each(["{", "[]"])("finds the last run in the history if its own file is garbled: %s", async (text) => {
    const box = await withRuns([{ outcome: "failed" }]);
    writeFileSync(lastRunFile(box.paths, lockOf(anEntry())), text);
    expect(seriesValue(await metricsOf(box), `last_run_outcome{${LABELS},outcome="failed"}`)).toBe("1");
  });

  test("has no next due time while a pause file cannot be read", async () => {
    const box = await withRuns([]);
    const path = pauseFile(box.paths, anEntry());
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, "{", { mode: 0o600 });
    expect(seriesValue(await metricsOf(box), `next_due_timestamp_seconds{${LABELS}}`)).toBeUndefined();
  });
});

describe("tend", () => {
  /** A box whose schedule has a metrics file in a directory of its own. */
  function withFile(changes: Parameters<typeof sandbox>[1] = {}) {
    const box = sandbox("exit 0", { ...NOON, ...changes });
    const file = join(box.home, "collector", "pipelinewise.prom");
    mkdirSync(dirname(file));
    box.install([anEntry()], { metrics: { file } });
    return { ...box, metricsFile: file };
  }

  test("writes what `metrics` prints, readable by everybody, and leaves no other file", async () => {
    const box = withFile();
    const before = process.umask(0o077);
    try {
      expect(await tendMain([], box.host)).toBe(0);
    } finally {
      process.umask(before);
    }
    expect(readFileSync(box.metricsFile, "utf8")).toBe(await metricsOf(box));
    expect(statSync(box.metricsFile).mode & 0o777).toBe(0o644);
    expect(readdirSync(dirname(box.metricsFile))).toEqual(["pipelinewise.prom"]);
  });

  test("does not replace a file that this program did not write", async () => {
    const box = withFile();
    writeFileSync(box.metricsFile, "pipelines: []\n");
    expect(await tendMain([], box.host)).toBe(0);
    expect(readFileSync(box.metricsFile, "utf8")).toBe("pipelines: []\n");
    expect(box.host.err()).toContain("metrics: cannot write the metrics file");
    expect(box.host.err()).toContain("was not written by pipelinewise-sched");
  });

  test("replaces its own file and an empty one", async () => {
    let time = "12:00";
    const box = withFile({ now: () => new Date(`2026-11-23T${time}:00Z`) });
    writeFileSync(box.metricsFile, "");
    expect(await tendMain([], box.host)).toBe(0);
    const first = readFileSync(box.metricsFile, "utf8");
    expect(first).toContain("build_info");
    writeFileSync(box.metricsFile, `${first}# old\n`);
    time = "12:05";
    expect(await tendMain([], box.host)).toBe(0);
    expect(readFileSync(box.metricsFile, "utf8")).not.toContain("# old");
    expect(box.host.err()).toBe("");
  });

  test("shows a run that was lost in the metrics of the same five minutes", async () => {
    const box = withFile();
    leaveDeadLock(box.paths);
    expect(await tendMain([], box.host)).toBe(0);
    const text = readFileSync(box.metricsFile, "utf8");
    expect(seriesValue(text, `last_run_outcome{${LABELS},outcome="lost"}`)).toBe("1");
  });

  test("reports a missing directory once a day, and does not create it", async () => {
    let time = "12:00";
    const box = withFile({ now: () => new Date(`2026-11-23T${time}:00Z`) });
    rmSync(dirname(box.metricsFile), { recursive: true });
    for (time of ["12:00", "12:05", "12:10"]) expect(await tendMain([], box.host)).toBe(0);
    expect(box.host.err().match(/cannot write the metrics file/g)).toHaveLength(1);
    expect(box.host.err()).toMatch(/\/collector does not exist\. Create the directory/);
    expect(readdirSync(box.home)).not.toContain("collector");
    mkdirSync(dirname(box.metricsFile));
    time = "12:15";
    expect(await tendMain([], box.host)).toBe(0);
    expect(readFileSync(box.metricsFile, "utf8")).toContain("build_info");
  });

  test("writes the other entries and reports the one whose state cannot be read", async () => {
    const box = withFile();
    const directory = lockDirectory(box.paths, lockOf(anEntry()));
    mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
    writeFileSync(directory, "not a directory");
    expect(await tendMain([], box.host)).toBe(0);
    expect(readFileSync(box.metricsFile, "utf8")).toContain('unreadable_entries{schedule="pipelinewise"} 1');
    expect(box.host.err()).toContain("metrics: the metrics have no series of these entries: microserv_1");
  });
});
