import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tendMain } from "../../src/cli/tend-command.ts";
import { DEFAULT_RETENTION } from "../../src/default-retention.ts";
import { needsTend } from "../../src/installed/tend-needs.ts";
import { parseSchedule } from "../../src/schedule/parse.ts";
import { logsDir, prunedFile, wrapperLogFile } from "../../src/storage/paths.ts";
import { leaveLogs, NOW, prunable } from "../retention/files.ts";
import { testHost } from "../support/host.ts";
import { anEntry } from "../support/sandbox.ts";

/** A box with an installed schedule, and a `tend` in it this many minutes after noon. */
function tended(schedule: Parameters<ReturnType<typeof prunable>["install"]>[1] = { retention: DEFAULT_RETENTION }) {
  const box = prunable();
  box.install([anEntry()], schedule);
  let errors = "";
  const stderr = { write: (text: string) => (errors += text) };
  return {
    ...box,
    errors: () => errors,
    tendAt: (minutes: number) => {
      const now = () => new Date(NOW.getTime() + minutes * 60_000);
      return tendMain([], testHost({ ...box.host, stderr, now }));
    },
  };
}

describe("the part of tend that prunes", () => {
  test("removes expired files once a day, and logs how many", async () => {
    const box = tended();
    leaveLogs(box.paths, 90, 21);
    await box.tendAt(0);
    expect(box.logs()).toHaveLength(20);
    leaveLogs(box.paths, 80, 5);
    await box.tendAt(23 * 60 + 55);
    expect(box.logs()).toHaveLength(25);
    await box.tendAt(24 * 60);
    expect(box.logs()).toHaveLength(20);
    expect(box.errors()).toBe("");
    const lines = readFileSync(wrapperLogFile(box.paths, "testhost"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { msg: "removed expired files", files: 1, bytes: 10 },
      { msg: "removed expired files", files: 5, bytes: 50 },
    ]);
  });

  test("does nothing without the key", async () => {
    const box = tended({});
    const logs = leaveLogs(box.paths, 90, 25);
    await box.tendAt(0);
    expect(box.logs()).toEqual(logs);
    expect(existsSync(prunedFile(box.paths))).toBe(false);
  });

  test("tries again at the next slot if something could not be removed, and says so once", async () => {
    const box = tended();
    const link = join(logsDir(box.paths), "broken");
    leaveLogs(box.paths, 90, 21);
    symlinkSync("/nowhere", link);
    await box.tendAt(0);
    expect(box.logs()).toHaveLength(20);
    await box.tendAt(5);
    expect(existsSync(prunedFile(box.paths))).toBe(false);
    expect(box.errors().match(/prune: \.sched\/logs\/broken: .*symbolic link/g)).toHaveLength(1);
  });

  test.each(["", "{", '{"at":"2028-01-01T00:00:00.000Z"}', '{"at":5}'])("reads %j as not done yet", async (text) => {
    const box = tended();
    writeFileSync(prunedFile(box.paths), text, { mode: 0o600 });
    leaveLogs(box.paths, 90, 21);
    await box.tendAt(0);
    expect(box.logs()).toHaveLength(20);
    expect(JSON.parse(readFileSync(prunedFile(box.paths), "utf8"))).toEqual({
      at: NOW.toISOString(),
      host: "testhost",
    });
  });
});

test.each([
  ["retention: {logs: 5d}\n", { ...DEFAULT_RETENTION, logsMs: 432_000_000 }],
  ["retention: {history: 40d}\n", { ...DEFAULT_RETENTION, historyMs: 3_456_000_000 }],
  ["retention: {log_size: 20M}\n", { ...DEFAULT_RETENTION, logBytes: 20_971_520 }],
  ["retention: {log_size: 2G}\n", { ...DEFAULT_RETENTION, logBytes: 2_147_483_648 }],
  ["retention: {}\n", DEFAULT_RETENTION],
  ["", undefined],
])("a schedule file with %j is tended if it sets a time", (lines, retention) => {
  const text = `pipelines: [{tap: a, target: b, cron: "@daily"}]\n${lines}`;
  const source = { file: "schedule.yml", path: "/schedule.yml", bytes: new Uint8Array() };
  const { schedule } = parseSchedule(text, source);
  expect(schedule?.retention).toEqual(retention);
  expect(schedule && needsTend({ entries: schedule.pipelines, retention: schedule.retention })).toBe(
    retention !== undefined,
  );
});
