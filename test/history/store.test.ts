import { appendFileSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linesBackward, readHistory } from "../../src/history/read.ts";
import type { RunRecord } from "../../src/history/record.ts";
import { newRunId } from "../../src/history/record.ts";
import { appendRecord, readLast, writeLastRun, writeLastSkip } from "../../src/history/store.ts";
import { lastRunFile, runsFile, statePaths } from "../../src/storage/paths.ts";
import { tempFolder, testHost } from "../support/host.ts";

function stateFolder() {
  const paths = statePaths(tempFolder());
  mkdirSync(paths.root, { mode: 0o700 });
  return paths;
}

const PAIR = { tap: "microserv_1", target: "redshift" };

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

test("appends one line a record, 0600, in the month of its end", async () => {
  const paths = stateFolder();
  await appendRecord(paths, testHost(), record("a", "2026-11-30T23:59:00.000Z"));
  await appendRecord(paths, testHost(), record("b", "2026-12-01T00:01:00.000Z"));
  const november = runsFile(paths, "2026-11", "testhost");
  expect(readFileSync(november, "utf8")).toBe(`${JSON.stringify(record("a", "2026-11-30T23:59:00.000Z"))}\n`);
  expect(statSync(november).mode & 0o777).toBe(0o600);
  expect(ids((await readHistory(paths)).runs)).toEqual(["b", "a"]);
});

test("merges hosts and months, newest end first, and stops at the limit", async () => {
  const paths = stateFolder();
  const [one, two] = [testHost({ name: "one" }), testHost({ name: "two" })];
  await appendRecord(paths, one, record("a", "2026-10-01T00:00:00.000Z"));
  await appendRecord(paths, two, record("b", "2026-11-01T00:00:00.000Z"));
  await appendRecord(paths, one, record("c", "2026-11-02T00:00:00.000Z"));
  await appendRecord(paths, two, record("d", "2026-11-03T00:00:00.000Z", { tap: "other" }));
  expect(ids((await readHistory(paths)).runs)).toEqual(["d", "c", "b", "a"]);
  expect(ids((await readHistory(paths, { limit: 2 })).runs)).toEqual(["d", "c"]);
  expect(ids((await readHistory(paths, { tap: "microserv_1", limit: 2 })).runs)).toEqual(["c", "b"]);
  expect(ids((await readHistory(paths, { target: "nope" })).runs)).toEqual([]);
});

test("a torn last line is reported and does not swallow the record after it", async () => {
  const paths = stateFolder();
  const host = testHost();
  await appendRecord(paths, host, record("a", "2026-11-01T00:00:00.000Z"));
  const file = runsFile(paths, "2026-11", host.name);
  const offset = statSync(file).size;
  appendFileSync(file, '{"id":"torn","tap":"micro');
  await appendRecord(paths, host, record("b", "2026-11-02T00:00:00.000Z"));
  const { runs, faults } = await readHistory(paths);
  expect(ids(runs)).toEqual(["b", "a"]);
  expect(faults).toEqual([{ file, offset }]);
});

test("nothing recorded yet is an empty history", async () => {
  expect(await readHistory(stateFolder())).toEqual({ runs: [], faults: [] });
});

test("a history file that is a link is refused", async () => {
  const paths = stateFolder();
  const file = runsFile(paths, "2026-11", "testhost");
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  symlinkSync("/dev/null", file);
  await expect(appendRecord(paths, testHost(), record("a", "2026-11-01T00:00:00.000Z"))).rejects.toThrow(
    /symbolic link/,
  );
});

describe("linesBackward", () => {
  test("gives the lines of any text last first, whatever the block size", async () => {
    const file = join(tempFolder(), "text");
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
});

describe("last runs", () => {
  test("keeps the newest run of each entry and the newest skip", async () => {
    const paths = stateFolder();
    const host = testHost();
    const weekly = record("b", "2026-11-02T00:00:00.000Z", { command: "sync_tables", entry: "weekly" });
    const skip = record("d", "2026-11-04T00:00:00.000Z", { outcome: "skipped", reason: "overlap" });
    await writeLastRun(paths, host, record("a", "2026-11-01T00:00:00.000Z"));
    await writeLastRun(paths, host, weekly);
    await writeLastRun(paths, host, record("c", "2026-11-03T00:00:00.000Z"));
    await writeLastSkip(paths, host, skip);
    const last = await readLast(paths, PAIR);
    expect([...last.runs].map(([key, { id }]) => [key, id])).toEqual([
      ["run_tap", "c"],
      ["sync_tables#weekly", "b"],
    ]);
    expect(last.skip?.id).toBe("d");
    expect(last.faults).toEqual([]);
  });

  test("a garbled file is told, and mended by the next run", async () => {
    const paths = stateFolder();
    const run = record("a", "2026-11-01T00:00:00.000Z");
    await writeLastRun(paths, testHost(), run);
    writeFileSync(lastRunFile(paths, PAIR), '{"run_tap":{"id"');
    expect((await readLast(paths, PAIR)).faults).toEqual([`${lastRunFile(paths, PAIR)} is garbled`]);
    await writeLastRun(paths, testHost(), run);
    expect((await readLast(paths, PAIR)).runs.get("run_tap")?.id).toBe("a");
  });
});

test("run ids sort as the runs began and are short words", () => {
  const early = newRunId(new Date("2026-11-23T12:00:00.000Z"), () => 0.999);
  const late = newRunId(new Date("2026-11-23T12:00:00.001Z"), () => 0);
  expect(early < late).toBe(true);
  expect(early).toMatch(/^[0-9a-z]{14}$/);
});

test("a lost run, recorded when it was found, stands where it ended", async () => {
  const paths = stateFolder();
  await appendRecord(paths, testHost(), record("a", "2026-11-23T09:00:00.000Z"));
  await appendRecord(paths, testHost(), record("c", "2026-11-23T09:20:00.000Z"));
  await appendRecord(paths, testHost(), record("b", "2026-11-23T09:10:00.000Z", { outcome: "lost" }));
  expect(ids((await readHistory(paths)).runs)).toEqual(["c", "b", "a"]);
});
