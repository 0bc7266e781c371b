import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { untilQuietMs } from "../../src/retention/under-lock.ts";
import { flockFile, lockDirectory } from "../../src/storage/paths.ts";
import { leaveLockedProcess } from "../run/dead-run.ts";
import { startForeign } from "../support/foreign-run.ts";
import { PAIR_WORDS } from "../support/sandbox.ts";
import { day, prunable, writeOld } from "./files.ts";

/** At half past a minute no pipeline is due, so `prune` does not wait. */
const NOW = new Date("2026-11-23T12:00:30Z");
const RETENTION = { logsMs: day(30), historyMs: day(400), pipelinewiseLogsMs: day(30) };
const LOCK = { tap: "microserv_1", target: "redshift", dataDiff: false };

/** The logs of the box's pipeline, each as old as its name says. */
function withLogs(...names: readonly string[]) {
  const box = prunable(NOW);
  const directory = join(box.paths.configDir, "redshift", "microserv_1", "log");
  const leave = (name: string, prefix = "redshift-microserv_1") => {
    const [, year, month, date] = /^(\d{4})(\d\d)(\d\d)/.exec(name) ?? [];
    writeOld(join(directory, `${prefix}-${name}`), new Date(`${year}-${month}-${date}T12:00:00Z`));
  };
  for (const name of names) leave(name);
  return {
    ...box,
    directory,
    leave,
    prune: (isDryRun = false, retryMs: Iterable<number> = []) => box.prune(isDryRun, RETENTION, retryMs),
    left: () => readdirSync(directory).map((name) => name.replace("redshift-microserv_1-", "")),
  };
}

const OLD = [
  "20260901_010000.singer.log.success",
  "20260902_010000.fastsync.log.terminated",
  "20260903_010000.partialsync.log.failed",
];
const RECENT = "20261120_010000.singer.log.success";

describe("PipelineWise's own logs", () => {
  test("that are older are removed, and the lock is free afterwards", async () => {
    const box = withLogs(...OLD, RECENT);
    const removals = [{ kind: "pipelinewise_logs", directory: "redshift/microserv_1/log", files: 3, bytes: 30 }];
    expect((await box.prune(true)).removals).toEqual(removals);
    expect(existsSync(flockFile(box.paths, LOCK))).toBe(false);
    expect(box.left()).toEqual([...OLD, RECENT]);
    expect(await box.prune()).toEqual({ removals, faults: [], postponed: [] });
    expect(box.left()).toEqual([RECENT]);
    expect(existsSync(lockDirectory(box.paths, LOCK))).toBe(false);
    expect(await box.records()).toEqual([]);
  });

  test("stay without the key", async () => {
    const box = prunable(NOW);
    const path = join(
      box.paths.configDir,
      "redshift/microserv_1/log/redshift-microserv_1-20200101_010000.singer.log.success",
    );
    writeOld(path, new Date("2020-01-01T00:00:00Z"));
    await box.prune();
    expect(existsSync(path)).toBe(true);
  });

  test.each<[what: string, kept: readonly string[]]>([
    ["of the newest run", ["20261001_010000.fastsync.log.success", "20261001_010000.singer.log.success"]],
    [
      "of the newest run_tap that succeeded",
      ["20260915_010000.singer.log.success", "20261001_010000.singer.log.failed"],
    ],
    ["of a run that is running", ["20260801_010000.singer.log.running", "20261001_010000.singer.log.success"]],
  ])("%s stay, however old they are", async (_, kept) => {
    const box = withLogs(...OLD, ...kept);
    await box.prune();
    expect(box.left()).toEqual(kept);
  });

  test("that were written lately stay, and so do files with other names", async () => {
    const box = withLogs(RECENT);
    writeOld(join(box.directory, "redshift-microserv_1-20260901_010000.singer.log.success"), NOW);
    box.leave("20260901_010000.singer.log.success", "redshift-microserv_10");
    box.leave("20260901_010000.singer.log.success.gz");
    const before = box.left();
    expect(await box.prune()).toEqual({ removals: [], faults: [], postponed: [] });
    expect(box.left()).toEqual(before);
  });

  test("stay until another day while the pipeline is running", async () => {
    const box = withLogs(...OLD, RECENT);
    mkdirSync(dirname(flockFile(box.paths, LOCK)), { recursive: true, mode: 0o700 });
    const end = await leaveLockedProcess(box.paths);
    expect(await box.prune()).toEqual({
      removals: [],
      faults: [],
      postponed: [expect.stringMatching(/^microserv_1 → redshift is locked by /)],
    });
    expect(box.left()).toEqual([...OLD, RECENT]);
    // Called when the pipeline was found running.
    function* retryMs() {
      void end();
      for (;;) yield 10;
    }
    expect(await box.prune(false, retryMs())).toMatchObject({ removals: [{ files: 3 }], postponed: [] });
    expect(box.left()).toEqual([RECENT]);
  });

  test("stay until another day while somebody runs the pipeline without this program", async () => {
    const box = withLogs(...OLD, RECENT);
    await startForeign(box.paths.configDir, PAIR_WORDS);
    expect((await box.prune()).postponed).toEqual([
      expect.stringMatching(/^microserv_1 → redshift is run by pid \d+ \(run_tap\)/),
    ]);
    expect(box.left()).toEqual([...OLD, RECENT]);
  });

  test.each(["redshift", "redshift/microserv_2", "redshift/microserv_2/log"])(
    "are not searched through the symbolic link %s",
    async (link) => {
      const box = prunable(NOW);
      const elsewhere = box.file("elsewhere");
      const rest = "redshift/microserv_2/log".slice(link.length + 1);
      const name = "redshift-microserv_2-20200101_010000.singer.log.success";
      for (const one of [name, name.replace("2020", "2021")]) {
        writeOld(join(elsewhere, rest, one), new Date("2020-01-01T00:00:00Z"));
      }
      const path = join(box.paths.configDir, link);
      writeOld(join(path, "../config.json"), NOW);
      symlinkSync(elsewhere, path);
      expect(await box.prune(false, RETENTION)).toEqual({ removals: [], faults: [], postponed: [] });
      expect(existsSync(join(elsewhere, rest, name))).toBe(true);
    },
  );
});

test.each([
  ["12:00:00", 10_000],
  ["12:00:09", 1_000],
  ["12:00:10", 0],
  ["12:00:44", 0],
  ["12:00:45", 25_000],
  ["12:00:59", 11_000],
])("at %s, prune waits for %i ms before it acquires a lock", (time, ms) => {
  expect(untilQuietMs(new Date(`2026-11-23T${time}Z`))).toBe(ms);
});
