import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { DEFAULT_RETENTION } from "../../src/default-retention.ts";
import { readRetention } from "../../src/retention/prune.ts";
import { runLogsDir } from "../../src/storage/paths.ts";
import { DEAD_RUN, leaveDeadLock } from "../run/dead-run.ts";
import { anEntry, sandbox } from "../support/sandbox.ts";
import { day, daysAgo, filesIn, leaveLog, leaveLogs, leaveMonth, NOW, PIPELINE, prunable, writeOld } from "./files.ts";

describe("logs", () => {
  test("older ones are removed, and the newest 20 runs of each pipeline stay", async () => {
    const box = prunable();
    const old = leaveLogs(box.paths, 100, 25);
    const other = leaveLog(box.paths, daysAgo(100), { pipeline: { tap: "b", target: "redshift" } });
    const { removals, faults } = await box.prune();
    expect(box.logs()).toEqual(old.slice(5));
    expect(filesIn(box.paths)).toContain(join("logs/redshift/b", other));
    expect({ removals, faults }).toEqual({
      removals: [{ kind: "logs", directory: ".sched/logs/redshift/microserv_1", files: 5, bytes: 50 }],
      faults: [],
    });
  });

  test("a log that is young enough stays, whatever their number", async () => {
    const box = prunable();
    leaveLogs(box.paths, 31, 3);
    const young = leaveLogs(box.paths, 29, 30);
    await box.prune();
    expect(box.logs()).toEqual(young);
  });

  test("the logs of all attempts of a run go together", async () => {
    const box = prunable();
    const startedAt = daysAgo(200);
    for (const attempt of [1, 2, 3]) leaveLog(box.paths, startedAt, { id: "0aaaaaaaaaaaaa", attempt });
    const kept = daysAgo(150);
    for (const attempt of [1, 2, 3]) leaveLog(box.paths, kept, { id: "0bbbbbbbbbbbbb", attempt });
    const newest = leaveLogs(box.paths, 100, 19);
    await box.prune();
    expect(
      box
        .logs()
        .slice(0, 3)
        .every((name) => name.includes("0bbbbbbbbbbbbb")),
    ).toBe(true);
    expect(box.logs().slice(3)).toEqual(newest);
  });

  test("the log of a run that holds the lock stays, on whichever host it is", async () => {
    const box = prunable();
    const startedAt = daysAgo(90);
    leaveDeadLock(box.paths, { host: "another" });
    const running = leaveLog(box.paths, startedAt, { id: DEAD_RUN.id });
    leaveLog(box.paths, startedAt);
    const newest = leaveLogs(box.paths, 10, 20);
    await box.prune();
    expect(box.logs()).toEqual([running, ...newest]);
  });

  test("no log of a pipeline is removed while the holder of its lock does not say which run it is", async () => {
    const box = prunable();
    writeFileSync(leaveDeadLock(box.paths).file, "");
    const logs = leaveLogs(box.paths, 90, 25);
    await box.prune();
    expect(box.logs()).toEqual(logs);
  });

  test("a log that a long run has written lately stays", async () => {
    const box = prunable();
    const long = leaveLog(box.paths, daysAgo(90), { writtenAt: daysAgo(1) });
    const newest = leaveLogs(box.paths, 10, 20);
    await box.prune();
    expect(box.logs()).toEqual([long, ...newest]);
  });

  test("files that this program does not name like that stay", async () => {
    const box = prunable();
    leaveLogs(box.paths, 90, 20);
    const directory = runLogsDir(box.paths, PIPELINE);
    for (const name of ["notes.txt", "20200101T000000Z-0aaaaaaaaaaaaa.log.gz"]) {
      writeOld(join(directory, name), daysAgo(500));
    }
    mkdirSync(join(directory, "20200101T000000Z-0aaaaaaaaaaaaa.log"));
    await box.prune();
    expect(box.logs()).toHaveLength(23);
  });

  test("a directory that is a link is left out and reported, and the others are pruned", async () => {
    const box = prunable();
    const elsewhere = box.file("elsewhere");
    leaveLogs(box.paths, 90, 25);
    writeOld(join(elsewhere, "tap", "20200101T000000Z-0aaaaaaaaaaaaa.log"), daysAgo(500));
    symlinkSync(elsewhere, join(dirname(dirname(runLogsDir(box.paths, PIPELINE))), "a_target"));
    const { removals, faults } = await box.prune();
    expect(removals).toMatchObject([{ files: 5 }]);
    expect(faults).toEqual([expect.stringMatching(/^\.sched\/logs\/a_target: .* is a symbolic link/)]);
  });
});

describe("history", () => {
  test("a month is removed when all of it is older, for every host", async () => {
    const box = prunable();
    for (const month of ["2025-08", "2025-09", "2025-10", "2026-11"]) leaveMonth(box.paths, month);
    leaveMonth(box.paths, "2025-09", "another");
    const { removals } = await box.prune();
    // 400 days before 2026-11-23 is 2025-10-19.
    expect(filesIn(box.paths)).toEqual([
      "runs",
      "runs/2025-10",
      "runs/2025-10/testhost.jsonl",
      "runs/2026-11",
      "runs/2026-11/testhost.jsonl",
    ]);
    expect(removals).toEqual([
      { kind: "history", directory: ".sched/runs/2025-08", files: 1, bytes: 10 },
      { kind: "history", directory: ".sched/runs/2025-09", files: 2, bytes: 20 },
    ]);
  });

  test("a month whose last instant is exactly as old as allowed is removed", async () => {
    const box = prunable();
    leaveMonth(box.paths, "2026-10");
    const since = NOW.getTime() - Date.parse("2026-11-01T00:00:00Z");
    await box.prune(false, { ...DEFAULT_RETENTION, historyMs: since + 1 });
    expect(filesIn(box.paths)).toContain("runs/2026-10/testhost.jsonl");
    await box.prune(false, { ...DEFAULT_RETENTION, historyMs: since });
    expect(filesIn(box.paths)).toEqual(["runs"]);
  });

  test("a directory with other files stays", async () => {
    const box = prunable();
    leaveMonth(box.paths, "2020-01");
    writeOld(join(box.paths.root, "runs/2020-01/notes.txt"), NOW);
    const { faults } = await box.prune();
    expect(filesIn(box.paths)).toEqual(["runs", "runs/2020-01", "runs/2020-01/notes.txt"]);
    expect(faults).toEqual([]);
  });
});

test("a removal that is repeated finds nothing, and a dry run changes nothing and finds the same", async () => {
  const box = prunable();
  leaveLogs(box.paths, 100, 40);
  leaveMonth(box.paths, "2020-01");
  const before = filesIn(box.paths);
  const planned = await box.prune(true);
  expect(filesIn(box.paths)).toEqual(before);
  expect(await box.prune()).toEqual(planned);
  const after = filesIn(box.paths);
  expect(planned.removals).toHaveLength(2);
  expect(await box.prune()).toEqual({ removals: [], faults: [], postponed: [] });
  expect(filesIn(box.paths)).toEqual(after);
});

test("an empty state has nothing to remove", async () => {
  expect(await prunable().prune()).toEqual({ removals: [], faults: [], postponed: [] });
});

test("nothing goes that is younger than its time, for any time, and at most 20 older logs stay", async () => {
  const box = prunable();
  const logs = leaveLogs(box.paths, 60, 45);
  for (const days of [3650, 60, 59, 58.5, 30, 1]) {
    await box.prune(false, { logsMs: day(days), historyMs: day(1) });
    const young = logs.filter((name) => !isOlder(name, days));
    expect(box.logs()).toEqual(expect.arrayContaining([...young, ...logs.slice(-20)]));
    expect(box.logs().filter((name) => isOlder(name, days)).length).toBeLessThanOrEqual(20);
  }
  expect(box.logs()).toEqual(logs.slice(-20));
});

/** Whether a log began more than this many days ago, by its name. */
function isOlder(name: string, days: number): boolean {
  const [, date = "", hour = "", minute = "", second = ""] = /^(\d{8})T(\d\d)(\d\d)(\d\d)Z/.exec(name) ?? [];
  const day = date.replace(/^(\d{4})(\d\d)(\d\d)$/, "$1-$2-$3");
  return Date.parse(`${day}T${hour}:${minute}:${second}Z`) < daysAgo(days).getTime();
}

describe("the time for which files are kept", () => {
  test("is the default without a schedule that has the key", async () => {
    const box = sandbox();
    expect(await readRetention(box)).toEqual({ logsMs: day(30), historyMs: day(400) });
    box.install();
    expect(await readRetention(box)).toEqual({ logsMs: day(30), historyMs: day(400) });
  });

  test("is the longest of all schedules that have the key", async () => {
    const box = sandbox();
    box.install([anEntry()], { name: "none" });
    box.install([anEntry()], { name: "one", retention: { logsMs: day(5), historyMs: day(90), logBytes: 1 } });
    box.install([anEntry()], { name: "two", retention: { logsMs: day(7), historyMs: day(60), logBytes: 2 } });
    expect(await readRetention(box)).toEqual({ logsMs: day(7), historyMs: day(90) });
  });
});

test.skipIf(process.getuid?.() === 0)("files that cannot be removed are counted, and the others go", async () => {
  const box = prunable();
  leaveLogs(box.paths, 90, 25);
  leaveMonth(box.paths, "2020-01");
  const directory = runLogsDir(box.paths, PIPELINE);
  chmodSync(directory, 0o500);
  try {
    const { removals, faults } = await box.prune();
    expect(removals).toMatchObject([{ kind: "history" }]);
    expect(faults).toEqual([expect.stringMatching(/permission denied; and 4 more files of this directory$/)]);
  } finally {
    chmodSync(directory, 0o700);
  }
});
