import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readRecentOutcomes } from "../../src/history/recent-outcomes.ts";
import type { OutcomeKind, RunRecord } from "../../src/history/record.ts";
import { openHistory } from "../../src/history/store.ts";
import { statePaths } from "../../src/storage/paths.ts";
import { testHost } from "../support/host.ts";

const aRun = (outcome: OutcomeKind, endedAt: string, more: Partial<RunRecord> = {}): RunRecord => ({
  id: `${outcome}-${endedAt}`,
  tap: "a",
  target: "w",
  command: "run_tap",
  outcome,
  host: "one",
  scheduled: true,
  startedAt: endedAt,
  endedAt,
  ...more,
});

async function recentOf(records: readonly RunRecord[]) {
  const host = testHost();
  const paths = statePaths(join(host.home, ".pipelinewise"));
  mkdirSync(paths.root, { recursive: true, mode: 0o700 });
  for (const run of records) await openHistory(paths, { ...host, name: run.host }).append(run);
  return readRecentOutcomes(paths);
}

const at = (minute: number): string => new Date(Date.UTC(2026, 10, 23) + minute * 60_000).toISOString();

test("the last 20 outcomes of an entry are in order, the oldest first", async () => {
  const failed = Array.from({ length: 5 }, (_, index) => aRun("failed", at(index)));
  const others = Array.from({ length: 19 }, (_, index) => aRun("succeeded", at(10 + index)));
  const { ofEntry } = await recentOf([...failed, ...others]);
  expect(ofEntry.get("w/a/run_tap")).toEqual(["failed", ...others.map(({ outcome }) => outcome)]);
});

test("skips that follow one another count as one, also if another entry ran between them", async () => {
  const { ofEntry, ofLock } = await recentOf([
    aRun("succeeded", at(0)),
    aRun("skipped", at(1)),
    aRun("failed", at(2), { command: "sync_tables", entry: "weekly" }),
    aRun("skipped", at(3)),
    aRun("succeeded", at(4)),
  ]);
  expect(ofEntry.get("w/a/run_tap")).toEqual(["succeeded", "skipped", "succeeded"]);
  expect(ofEntry.get("w/a/sync_tables#weekly")).toEqual(["failed"]);
  expect(ofLock.get("a → w")).toEqual(["succeeded", "skipped", "failed", "skipped", "succeeded"]);
});

test("the outcomes of several hosts and months are merged by the ends of the runs", async () => {
  const { ofEntry } = await recentOf([
    aRun("failed", "2026-10-31T23:00:00.000Z"),
    aRun("stopped", "2026-11-01T00:10:00.000Z"),
    aRun("succeeded", "2026-10-31T23:30:00.000Z", { host: "two" }),
    aRun("timed-out", "2026-11-01T00:05:00.000Z", { host: "two" }),
  ]);
  expect(ofEntry.get("w/a/run_tap")).toEqual(["failed", "succeeded", "timed-out", "stopped"]);
});

test("a run that was also recorded as lost has its own outcome", async () => {
  const lost = aRun("lost", at(1), { id: "same" });
  const own = aRun("lock-lost", at(2), { id: "same" });
  expect((await recentOf([lost, own])).ofEntry.get("w/a/run_tap")).toEqual(["lock-lost"]);
  expect((await recentOf([own, lost])).ofEntry.get("w/a/run_tap")).toEqual(["lock-lost"]);
});

test("what is older than the records that were read of a busy host is left out, so that no outcome is missing", async () => {
  const busy = Array.from({ length: 1_500 }, (_, index) => aRun("succeeded", at(1_000 + index), { tap: "busy" }));
  const { ofEntry } = await recentOf([
    aRun("failed", at(0), { host: "two" }),
    aRun("succeeded", at(1)),
    ...busy,
    aRun("stopped", at(3_000), { host: "two" }),
  ]);
  expect(ofEntry.get("w/a/run_tap")).toEqual(["stopped"]);
});
