import { describe, expect, test } from "vitest";
import type { HolderState, LockHolder } from "../../src/lock/lock.ts";
import { judgeEnd, lastLines } from "../../src/run/outcome.ts";
import { renderHolder } from "../../src/run/skip.ts";
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
  const interrupt = { kind: "signal", signal: "SIGINT", number: 2 } as const;
  test.each([
    [0, undefined, "succeeded", 0, "succeeded"],
    [1, undefined, "failed", 1, "failed with exit code 1"],
    [137, undefined, "failed", 137, "failed with exit code 137 (signal 9)"],
    [255, undefined, "failed", 255, "failed with exit code 255"],
    [1, interrupt, "stopped", 130, "was stopped by SIGINT"],
    [0, interrupt, "stopped", 130, "was stopped by SIGINT"],
    [0, { kind: "lock-lost", why: "gone" } as const, "lock-lost", 74, "was stopped because its lock was lost: gone"],
    [
      0,
      { kind: "fault", why: "a bug" } as const,
      "failed",
      70,
      "was stopped because of an error in pipelinewise-sched: a bug",
    ],
  ])("%i with %j", (code, cause, kind, exitCode, words) => {
    expect(judgeEnd(code, cause)).toEqual({ kind, exitCode, words });
  });
});

describe("renderHolder", () => {
  const holder: LockHolder = { host: "db1", pid: 7, runId: "r", startedAt: new Date("2026-11-23T12:00:00Z") };
  const alive: HolderState = { kind: "alive" };
  const since = "is locked by host db1, pid 7, since 2026-11-23T12:00:00.000Z (4 min)";
  test.each([
    [holder, alive, since],
    [
      holder,
      { kind: "orphans", pids: [8, 9] } as HolderState,
      `${since}; that process has ended, but its pipeline is still running: 8, 9`,
    ],
    [
      holder,
      { kind: "contained", pids: [8, 9] } as HolderState,
      `${since}; it is in another container of this machine, and its pipeline is running: 8, 9`,
    ],
    [holder, { kind: "unproved" } as HolderState, `${since}; cannot tell from this host whether it is still running`],
    [undefined, alive, "is locked by a run that has no owner record"],
    [
      undefined,
      { kind: "orphans", pids: [8] } as HolderState,
      "is locked by processes of a run that has no owner record: 8",
    ],
  ])("%j %j", (who, state, words) => {
    expect(renderHolder({ kind: "held", holder: who, state }, new Date("2026-11-23T12:04:00Z"))).toBe(words);
  });
});

describe("lastLines", () => {
  test("takes the last, without control sequences, and cuts what is endless", () => {
    const text = `a\n\u001b[31mred\u001b[0m\r\n${"x".repeat(600)}\n\nend\n`;
    expect(lastLines(text, 4)).toEqual(["red", `${"x".repeat(500)}…`, "", "end"]);
    expect(lastLines("")).toEqual([]);
    expect(lastLines("no newline at its end")).toEqual(["no newline at its end"]);
  });
});
