import { appendFileSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linesBackward } from "../../src/history/lines-backward.ts";
import { readHistory } from "../../src/history/read.ts";
import type { RunRecord } from "../../src/history/record.ts";
import { newRunId, renderRecordLine } from "../../src/history/record.ts";
import { openHistory, openLastRuns } from "../../src/history/store.ts";
import { lastRunFile, runsFile, statePaths } from "../../src/storage/paths.ts";
import { tempDirectory, testHost } from "../support/host.ts";

function stateDirectory() {
  const paths = statePaths(tempDirectory());
  mkdirSync(paths.root, { mode: 0o700 });
  return paths;
}

const PAIR = { tap: "microserv_1", target: "redshift", dataDiff: false };

const record = (id: string, endedAt: string, changes: Partial<RunRecord> = {}): RunRecord => ({
  id,
  tap: "microserv_1",
  target: "redshift",
  command: "run_tap",
  outcome: "succeeded",
  host: "testhost",
  scheduled: true,
  startedAt: endedAt,
  endedAt,
  exitCode: 0,
  ...changes,
});

const ids = (runs: readonly RunRecord[]) => runs.map(({ id }) => id);

test("appends one line for each record to the file of the month of its end, with mode 0600", async () => {
  const paths = stateDirectory();
  await openHistory(paths, testHost()).append(record("a", "2026-11-30T23:59:00.000Z"));
  await openHistory(paths, testHost()).append(record("b", "2026-12-01T00:01:00.000Z"));
  const november = runsFile(paths, "2026-11", "testhost");
  expect(readFileSync(november, "utf8")).toBe(`${JSON.stringify(record("a", "2026-11-30T23:59:00.000Z"))}\n`);
  expect(statSync(november).mode & 0o777).toBe(0o600);
  expect(ids((await readHistory(paths)).runs)).toEqual(["b", "a"]);
});

test("reads back to a time, past the later record of a run that was lost before it", async () => {
  const paths = stateDirectory();
  const write = async (name: string, one: RunRecord) => await openHistory(paths, testHost({ name })).append(one);
  await write("one", record("old", "2026-11-23T11:59:59.000Z"));
  await write("one", record("a", "2026-11-23T12:00:00.000Z"));
  await write("one", record("lost", "2026-11-23T08:00:00.000Z", { outcome: "lost" }));
  await write("two", record("b", "2026-11-23T12:01:00.000Z"));
  await write("two", record("older", "2026-10-01T00:00:00.000Z", { outcome: "lost" }));
  expect(ids((await readHistory(paths, { since: "2026-11-23T12:00:00.000Z" })).runs)).toEqual(["b", "a"]);
});

test.each([
  ["lost", "lock-lost"],
  ["lock-lost", "lost"],
] as const)(
  "a run that was recorded as %s and then as %s is shown once, as it recorded itself",
  async (...outcomes) => {
    const paths = stateDirectory();
    for (const outcome of outcomes) {
      const endedAt = outcome === "lost" ? "2026-11-01T00:00:00.000Z" : "2026-11-01T00:09:00.000Z";
      await openHistory(paths, testHost({ name: outcome })).append(record("a", endedAt, { outcome }));
    }
    expect((await readHistory(paths)).runs.map(({ outcome }) => outcome)).toEqual(["lock-lost"]);
  },
);

test("merges hosts and months, newest end first, and stops at the limit", async () => {
  const paths = stateDirectory();
  const [one, two] = [testHost({ name: "one" }), testHost({ name: "two" })];
  await openHistory(paths, one).append(record("a", "2026-10-01T00:00:00.000Z"));
  await openHistory(paths, two).append(record("b", "2026-11-01T00:00:00.000Z"));
  await openHistory(paths, one).append(record("c", "2026-11-02T00:00:00.000Z"));
  await openHistory(paths, two).append(record("d", "2026-11-03T00:00:00.000Z", { tap: "other" }));
  expect(ids((await readHistory(paths)).runs)).toEqual(["d", "c", "b", "a"]);
  expect(ids((await readHistory(paths, { limit: 2 })).runs)).toEqual(["d", "c"]);
  expect(ids((await readHistory(paths, { tap: "microserv_1", limit: 2 })).runs)).toEqual(["c", "b"]);
  expect(ids((await readHistory(paths, { target: "nope" })).runs)).toEqual([]);
});

test("a torn last line is reported and does not swallow the record after it", async () => {
  const paths = stateDirectory();
  const host = testHost();
  await openHistory(paths, host).append(record("a", "2026-11-01T00:00:00.000Z"));
  const file = runsFile(paths, "2026-11", host.name);
  const offset = statSync(file).size;
  appendFileSync(file, '{"id":"torn","tap":"micro');
  await openHistory(paths, host).append(record("b", "2026-11-02T00:00:00.000Z"));
  const { runs, faults } = await readHistory(paths);
  expect(ids(runs)).toEqual(["b", "a"]);
  expect(faults).toEqual([{ file, offset }]);
});

test("reads no further back than the limit needs, so that a long history costs nothing", async () => {
  const paths = stateDirectory();
  const file = runsFile(paths, "2026-11", "testhost");
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const lines = Array.from({ length: 2_000 }, (_, index) =>
    renderRecordLine(record(`id${index}`, new Date(Date.UTC(2026, 10, 1) + index * 60_000).toISOString())),
  );
  writeFileSync(file, `garbled\n${lines.join("")}`);
  const { runs, faults } = await readHistory(paths, { limit: 1 });
  expect([ids(runs), faults]).toEqual([["id1999"], []]);
  expect((await readHistory(paths)).faults).toHaveLength(1);
});

test("the history is empty if nothing is recorded", async () => {
  expect(await readHistory(stateDirectory())).toEqual({ runs: [], faults: [] });
});

test("a history file that is a symbolic link is refused", async () => {
  const paths = stateDirectory();
  const file = runsFile(paths, "2026-11", "testhost");
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  symlinkSync("/dev/null", file);
  await expect(openHistory(paths, testHost()).append(record("a", "2026-11-01T00:00:00.000Z"))).rejects.toThrow(
    /symbolic link/,
  );
});

describe("linesBackward", () => {
  test("returns the lines of any text in reverse order, with any block size", async () => {
    const file = join(tempDirectory(), "text");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom("a", "é", "€", " "), maxLength: 12 })),
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        async (lines, ended, blockBytes) => {
          const text = lines.join("\n") + (ended ? "\n" : "");
          writeFileSync(file, text);
          const read: string[] = [];
          const bytes = Buffer.from(text);
          for await (const some of linesBackward(file, blockBytes)) {
            for (const line of some) {
              read.push(line.text);
              expect(bytes.toString("utf8", line.offset).startsWith(line.text)).toBe(true);
            }
          }
          expect(read.reverse()).toEqual(lines.filter((line) => line !== ""));
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });

  test("cuts a line of 32 MB, reads each block of it once, and returns its neighbours whole", async () => {
    const file = join(tempDirectory(), "text");
    writeFileSync(file, `before\n{"id":1}${"x".repeat(32_000_000)}\nafter\n`);
    const read: string[] = [];
    const begun = process.cpuUsage();
    for await (const some of linesBackward(file, 4_096)) read.push(...some.map(({ text }) => text));
    const { user } = process.cpuUsage(begun);
    expect([read[0], read[2], read.length]).toEqual(["after", "before", 3]);
    expect(read[1]).toMatch(/^\{"id":1\}x+…$/);
    expect(read[1]?.length).toBeLessThan(1_100_000);
    // Copying the line once for each block would take a minute.
    expect(user / 1_000_000).toBeLessThan(10);
  });
});

describe("last runs", () => {
  test("keeps the newest run of each entry and the newest skip", async () => {
    const paths = stateDirectory();
    const last = openLastRuns({ paths, lock: PAIR, host: testHost() });
    const weekly = record("b", "2026-11-02T00:00:00.000Z", { command: "sync_tables", entry: "weekly" });
    const skip = record("d", "2026-11-04T00:00:00.000Z", { outcome: "skipped", reason: "overlap" });
    await last.writeRun(record("a", "2026-11-01T00:00:00.000Z"));
    await last.writeRun(weekly);
    await last.writeRun(record("c", "2026-11-03T00:00:00.000Z"));
    await last.writeSkip(skip);
    const { runs, skip: newest, faults } = await last.read();
    expect([...runs].map(([key, { id }]) => [key, id])).toEqual([
      ["run_tap", "c"],
      ["sync_tables#weekly", "b"],
    ]);
    expect(newest?.id).toBe("d");
    expect(faults).toEqual([]);
  });

  test("keeps the newest success of each entry beside later runs that did not succeed", async () => {
    const paths = stateDirectory();
    const last = openLastRuns({ paths, lock: PAIR, host: testHost() });
    const known = async () => Object.fromEntries([...(await last.read()).runs].map(([key, { id }]) => [key, id]));
    await last.writeRun(record("a", "2026-11-01T00:00:00.000Z"));
    expect(await known()).toEqual({ run_tap: "a" });
    await last.writeRun(record("b", "2026-11-02T00:00:00.000Z", { outcome: "failed" }));
    await last.writeRun(record("c", "2026-11-03T00:00:00.000Z", { outcome: "lost" }));
    expect(await known()).toEqual({ run_tap: "c", "run_tap@succeeded": "a" });
    await last.writeRun(record("d", "2026-11-04T00:00:00.000Z"));
    expect(await known()).toEqual({ run_tap: "d" });
  });

  test("the newest success is read from the history too", async () => {
    const paths = stateDirectory();
    const last = openLastRuns({ paths, lock: PAIR, host: testHost() });
    const failed = record("b", "2026-11-02T00:00:00.000Z", { outcome: "failed" });
    for (const run of [record("a", "2026-11-01T00:00:00.000Z"), failed])
      await openHistory(paths, testHost()).append(run);
    await last.writeRun(failed);
    writeFileSync(lastRunFile(paths, PAIR), "{");
    expect((await last.read()).runs.get("run_tap@succeeded")?.id).toBe("a");
  });

  test("a run without the lock replaces an older run, and not a later one", async () => {
    const paths = stateDirectory();
    const last = openLastRuns({ paths, lock: PAIR, host: testHost() });
    const later = record("c", "2026-11-03T00:00:00.000Z");
    await last.writeRun(record("a", "2026-11-01T00:00:00.000Z"));
    await last.writeRun(record("b", "2026-11-02T00:00:00.000Z", { outcome: "lock-lost" }), { holdsLock: false });
    expect((await last.read()).runs.get("run_tap")?.id).toBe("b");
    await last.writeRun(later);
    const lost = { outcome: "lock-lost", endedAt: "2026-11-04T00:00:00.000Z" } as const;
    await last.writeRun(record("b", "2026-11-02T00:00:00.000Z", lost), { holdsLock: false });
    expect((await last.read()).runs.get("run_tap")).toEqual(later);
  });

  test("the history is read in place of a garbled file, and the next run writes all entries again", async () => {
    const paths = stateDirectory();
    const last = openLastRuns({ paths, lock: PAIR, host: testHost() });
    const runs = [
      record("a", "2026-11-01T00:00:00.000Z", { command: "sync_tables" }),
      record("b", "2026-11-02T00:00:00.000Z"),
      record("c", "2026-11-03T00:00:00.000Z"),
      record("d", "2026-11-04T00:00:00.000Z", { outcome: "skipped" }),
      record("e", "2026-11-05T00:00:00.000Z", { command: "run_data_diff_checks" }),
    ];
    for (const run of runs) await openHistory(paths, testHost()).append(run);
    await last.writeRun(record("f", "2026-11-06T00:00:00.000Z"));
    writeFileSync(lastRunFile(paths, PAIR), "{");
    const newest = async () => [...(await last.read()).runs.values()].map(({ id }) => id).sort();
    expect(await newest()).toEqual(["a", "c"]);
    await last.writeRun(record("g", "2026-11-07T00:00:00.000Z"));
    expect(await newest()).toEqual(["a", "g"]);
    expect((await last.read()).faults).toEqual([]);
  });

  test("no run is found, and both faults are reported, if the history cannot be read either", async () => {
    const paths = stateDirectory();
    const last = openLastRuns({ paths, lock: PAIR, host: testHost() });
    await last.writeRun(record("a", "2026-11-01T00:00:00.000Z"));
    writeFileSync(lastRunFile(paths, PAIR), "{");
    const history = runsFile(paths, "2026-11", "far");
    mkdirSync(dirname(history), { recursive: true, mode: 0o700 });
    symlinkSync("/dev/null", history);
    const { runs, faults } = await last.read();
    expect([...runs]).toEqual([]);
    expect(faults).toEqual([`${lastRunFile(paths, PAIR)} is garbled`, expect.stringContaining(history)]);
  });

  test("a garbled file is reported, and the next run rewrites it", async () => {
    const paths = stateDirectory();
    const last = openLastRuns({ paths, lock: PAIR, host: testHost() });
    const run = record("a", "2026-11-01T00:00:00.000Z");
    await last.writeRun(run);
    writeFileSync(lastRunFile(paths, PAIR), '{"run_tap":{"id"');
    expect((await last.read()).faults).toEqual([`${lastRunFile(paths, PAIR)} is garbled`]);
    await last.writeRun(run);
    expect((await last.read()).runs.get("run_tap")?.id).toBe("a");
  });
});

test("run ids are short and sort by start time", () => {
  const early = newRunId(new Date("2026-11-23T12:00:00.000Z"), () => 0.999);
  const late = newRunId(new Date("2026-11-23T12:00:00.001Z"), () => 0);
  expect(early < late).toBe(true);
  expect(early).toMatch(/^[0-9a-z]{14}$/);
});

test("a lost run is sorted by its end, not by the time at which it was found", async () => {
  const paths = stateDirectory();
  await openHistory(paths, testHost()).append(record("a", "2026-11-23T09:00:00.000Z"));
  await openHistory(paths, testHost()).append(record("c", "2026-11-23T09:20:00.000Z"));
  await openHistory(paths, testHost()).append(record("b", "2026-11-23T09:10:00.000Z", { outcome: "lost" }));
  expect(ids((await readHistory(paths)).runs)).toEqual(["c", "b", "a"]);
});
