import { describe, expect, test } from "vitest";
import type { HolderState, LockHolder } from "../../src/lock/lock.ts";
import { renderHolder } from "../../src/run/checks/holder.ts";
import { judgeEnd, lastLines } from "../../src/run/outcome.ts";
import { renderDuration } from "../../src/text/format-time.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

test.each([
  [0, "0 s"],
  [-5, "0 s"],
  [999, "0 s"],
  [59 * SECOND, "59 s"],
  [4 * MINUTE, "4 min"],
  [4 * MINUTE + 9 * SECOND, "4 min 9 s"],
  [2 * HOUR + 5 * SECOND, "2 h"],
  [26 * HOUR + 3 * MINUTE, "1 d 2 h"],
])("%i ms read as %s", (ms, words) => {
  expect(renderDuration(ms)).toBe(words);
});

describe("judgeEnd", () => {
  const BY_HAND = { scheduled: false, skipExitCode: 75 };
  const interrupt = { kind: "signal", signal: "SIGINT" } as const;
  test.each([
    [0, undefined, "succeeded", 0, "succeeded"],
    [1, undefined, "failed", 1, "failed with exit code 1"],
    [137, undefined, "failed", 137, "failed with exit code 137 (signal 9)"],
    [255, undefined, "failed", 255, "failed with exit code 255"],
    [1, interrupt, "stopped", 130, "was stopped by SIGINT"],
    [0, interrupt, "stopped", 130, "was stopped by SIGINT"],
    [0, { kind: "timeout", limitMs: 6 * HOUR } as const, "timed-out", 124, "timed out (limit 6 h)"],
    [0, { kind: "lock-lost", reason: "gone" } as const, "lock-lost", 74, "was stopped because its lock was lost: gone"],
    [
      0,
      { kind: "fault", reason: "a bug" } as const,
      "failed",
      70,
      "was stopped because of an error in pipelinewise-sched: a bug",
    ],
  ])("%i with %j", (code, cause, kind, exitCode, summary) => {
    expect(judgeEnd(code, cause, BY_HAND)).toEqual({ kind, exitCode, callerCode: exitCode, summary });
  });

  test.each([64, 65, 66, 70, 74, 75, 99, 124, 126, 127])(
    "scheduled, the pipeline's own %i is passed on as 1",
    (code) => {
      expect(judgeEnd(code, undefined, { scheduled: true, skipExitCode: 99 })).toEqual({
        kind: "failed",
        exitCode: code,
        callerCode: 1,
        summary: `failed with exit code ${code} (passed on as 1)`,
      });
    },
  );

  test.each([129, 130, 131, 134, 143, 152])("scheduled, the pipeline's own %i does not look like a stop", (code) => {
    expect(judgeEnd(code, undefined, { scheduled: true, skipExitCode: 0 })).toMatchObject({
      exitCode: code,
      callerCode: 1,
      summary: `failed with exit code ${code} (signal ${code - 128}, passed on as 1)`,
    });
  });

  test.each([1, 2, 63, 98, 99, 137])(
    "scheduled, %i is passed on unchanged because this program does not use it",
    (code) => {
      expect(judgeEnd(code, undefined, { scheduled: true, skipExitCode: 0 }).callerCode).toBe(code);
    },
  );

  test.each([75, 99, 143])("by hand, the pipeline's own %i is passed on unchanged", (code) => {
    expect(judgeEnd(code, undefined, { scheduled: false, skipExitCode: 99 }).callerCode).toBe(code);
  });
});

describe("renderHolder", () => {
  // Above the highest pid of Linux, so that no such process exists.
  const [first, second] = [4_194_305, 4_194_306];
  const gone = (pid: number): string => `a process that has just ended (pid ${pid})`;
  const holder: LockHolder = { host: "db1", pid: 7, runId: "r", startedAt: new Date("2026-11-23T12:00:00Z") };
  const alive: HolderState = { kind: "alive" };
  const since = "is locked by host db1, pid 7, since 2026-11-23T12:00:00.000Z (4 min)";
  test.each([
    [holder, alive, since],
    [
      holder,
      { kind: "orphans", pids: [first, second] } as HolderState,
      `${since}; that process has ended, but its pipeline is still running: ${gone(first)}, ${gone(second)}`,
    ],
    [
      holder,
      { kind: "contained", pids: [first, second] } as HolderState,
      `${since}; it is in another container of this machine, and its pipeline is running: ${gone(first)}, ${gone(second)}`,
    ],
    [holder, { kind: "unproved" } as HolderState, `${since}; cannot tell from this host whether it is still running`],
    [undefined, alive, "is locked by a run that has no owner record"],
    [
      undefined,
      { kind: "orphans", pids: [first] } as HolderState,
      `is locked by processes of a run that has no owner record: ${gone(first)}`,
    ],
  ])("%j %j", (who, state, words) => {
    expect(renderHolder({ kind: "held", holder: who, state }, new Date("2026-11-23T12:04:00Z"))).toBe(words);
  });
});

describe("lastLines", () => {
  test("returns the last lines, the last state of a progress bar, and cuts long lines", () => {
    const text = `a\nred\r\n${"x".repeat(600)}\n\nend\n`;
    expect(lastLines(text, 4)).toEqual(["red", `${"x".repeat(500)}…`, "", "end"]);
    expect(lastLines(" 1%\r 2%\r\r\nend")).toEqual([" 2%", "end"]);
    expect(lastLines("")).toEqual([]);
    expect(lastLines("no newline at its end")).toEqual(["no newline at its end"]);
  });
});
