import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import type { ScheduledEntry, StatusRow } from "../../src/cli/status/rows.ts";
import { renderStatus } from "../../src/cli/status/table.ts";
import type { RunRecord } from "../../src/history/record.ts";
import { PLAIN, paintFor } from "../../src/text/colors.ts";
import { textWidth } from "../../src/text/width.ts";
import { testHost } from "../support/host.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";

const NOW = new Date("2026-11-23T12:00:00Z");

const scheduled = (changes: Parameters<typeof anEntry>[0], more: Partial<ScheduledEntry> = {}): ScheduledEntry => ({
  schedule: "pipelinewise",
  entry: anEntry(changes),
  schedulers: ["cron"],
  nextAt: new Date("2026-11-23T12:05:00Z"),
  blocked: undefined,
  idleStarts: 0,
  installedAt: undefined,
  ...more,
});

const aRow = (tap: string, changes: Partial<StatusRow> = {}): StatusRow => ({
  tap,
  target: "redshift",
  pipelinewise: {
    tap,
    tapType: "tap-postgres",
    target: "redshift",
    targetType: "target-redshift",
    enabled: "True",
    status: "ready",
    lastSync: "2026-11-23T11:55:10",
    lastSyncResult: "success",
  },
  scheduled: scheduled({ tap }),
  lastRun: undefined,
  lastSkip: undefined,
  recent: [],
  running: undefined,
  waiting: undefined,
  lockedBy: undefined,
  foreignRun: undefined,
  pauses: [],
  ...changes,
});

const aRun = (outcome: RunRecord["outcome"], endedAt: string, more: Partial<RunRecord> = {}): RunRecord => ({
  id: "0mwt00000aaaaa",
  tap: "microserv_1",
  target: "redshift",
  command: "run_tap",
  outcome,
  host: "one",
  scheduled: true,
  startedAt: endedAt,
  endedAt,
  ...more,
});

const RUNNING = {
  runId: "0mwt00000bbbbb",
  host: "one",
  pid: 4711,
  task: "run_tap",
  startedAt: new Date("2026-11-23T11:57:00Z"),
  remaining: [],
};

/** One entry in each state. */
const ROWS: readonly StatusRow[] = [
  aRow("microserv_1", {
    lastRun: aRun("succeeded", "2026-11-23T11:56:00Z"),
    lastSkip: aRun("skipped", "2026-11-23T11:59:10Z", { reason: "overlap" }),
    recent: [...Array<"succeeded">(15).fill("succeeded"), "stopped", "lost", "lock-lost", "succeeded", "skipped"],
  }),
  aRow("microserv_2", { lastRun: aRun("succeeded", "2026-11-23T11:46:00Z"), running: RUNNING }),
  aRow("microserv_3", {
    lastRun: aRun("failed", "2026-11-23T09:30:00Z"),
    recent: ["succeeded", "skipped", "failed"],
    scheduled: scheduled({ tap: "microserv_3" }, { freshness: { succeededAt: undefined, lateMs: 2_400_000 } }),
    running: {
      ...RUNNING,
      queued: {
        since: new Date("2026-11-23T11:57:00Z"),
        waitsFor: [{ limit: { kind: "target", name: "redshift", places: 2 }, holders: [] }],
      },
    },
  }),
  aRow("customers_of_the_old_shop", {
    scheduled: scheduled(
      { tap: "customers_of_the_old_shop", command: "sync_tables", id: "weekly", crons: ["0 4 * * 7"] },
      { nextAt: new Date("2026-11-29T04:00:00Z") },
    ),
    lastRun: aRun("timed-out", "2026-11-22T05:10:00Z"),
    recent: ["timed-out"],
    pauses: [{ scope: { target: "redshift" }, by: "ann", reason: undefined, since: NOW, until: undefined }],
  }),
  aRow("microserv_9", { scheduled: undefined }),
];

test.each([60, 80, 120, 200])("the table fits into a terminal of %i columns", (width) => {
  const table = renderStatus(ROWS, { width, paint: PLAIN, now: NOW });
  expect(table).toMatchSnapshot();
  expect(Math.max(...table.split("\n").map(textWidth))).toBeLessThanOrEqual(width);
});

test("without a terminal the table has all columns, and nothing is shortened", () => {
  expect(renderStatus(ROWS, { width: undefined, paint: PLAIN, now: NOW })).toMatchSnapshot();
});

test("on a terminal, what needs attention has a colour, and NO_COLOR turns it off", () => {
  const stdout = { write: () => true, isTTY: true };
  const render = (env: Record<string, string>) =>
    renderStatus(ROWS, { width: 120, paint: paintFor({ stdout, env }), now: NOW });
  const coloured = render({ TERM: "xterm" });
  const warnings = coloured.split("\u001b[33m").slice(1);
  expect(warnings.map((text) => text.split("\u001b[39m")[0])).toEqual([
    "late, queued 3 min",
    "failed 2 h ago",
    "timed-out 1 d ago",
  ]);
  expect(render({ TERM: "xterm", NO_COLOR: "1" })).not.toContain("\u001b");
});

test("a terminal gets the columns that fit, and --wide all of them", async () => {
  const box = sandbox('[ "$1" != status ] || exit 1');
  box.install([anEntry()]);
  await runMain([...PAIR_WORDS, "--scheduled"], box.host);
  const headOf = async (...words: readonly string[]) => {
    let out = "";
    const stdout = { write: (text: string | Uint8Array) => (out += text), isTTY: true, columns: 60 };
    const host = testHost({ env: { ...box.host.env, NO_COLOR: "1" }, cwd: box.home, stdout });
    expect(await main(["status", ...words], host)).toBe(0);
    return out.split("\n")[0];
  };
  expect(await headOf()).toMatch(/^Pipeline +State +Last outcome/);
  expect(await headOf("--wide")).toMatch(/^Tap ID .* Running since$/);
});
