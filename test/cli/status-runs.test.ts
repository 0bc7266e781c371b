import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { schedulesDir } from "../../src/storage/paths.ts";
import { startForeign } from "../support/foreign-run.ts";
import { testHost } from "../support/host.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { untilFile } from "../support/wait.ts";

/** A `pipelinewise` without a status, whose runs end when the file `hold` is gone. */
const SCRIPT = '[ "$1" != status ] || exit 1; touch $HOME/started; while [ -e $HOME/hold ]; do sleep 0.05; done';

/** The current runs of each entry, as `status` shows them. */
async function statusOf(box: ReturnType<typeof sandbox>) {
  const host = testHost({ env: box.host.env, cwd: box.home });
  expect(await main(["status", "--json"], host)).toBe(0);
  const table = testHost({ env: box.host.env, cwd: box.home });
  expect(await main(["status"], table)).toBe(0);
  return { rows: JSON.parse(host.out()).pipelines, table: table.out(), warnings: table.err() };
}

describe("a run that somebody started without this program", () => {
  test("is shown at every entry of its lock, with its pid", async () => {
    const box = sandbox(SCRIPT);
    box.install([
      anEntry(),
      anEntry({ command: "fast_sync" }),
      anEntry({ command: "run_data_diff_checks" }),
      anEntry({ tap: "microserv_2" }),
    ]);
    const pid = await startForeign(box.paths.configDir, PAIR_WORDS);
    const { rows, table } = await statusOf(box);
    const foreignRun = {
      pid,
      what: "run_tap",
      detail: `is run by pid ${pid} (run_tap), which this program did not start`,
    };
    const none = { running: null, foreignRun: null };
    expect(rows).toMatchObject([{ running: null, foreignRun }, { running: null, foreignRun }, none, none]);
    expect(table.match(new RegExp(`running outside pipelinewise-sched: pid ${pid} \\(run_tap\\)`, "g"))).toHaveLength(
      2,
    );
  });

  test("is shown without an installed schedule and without .sched", async () => {
    const box = sandbox(`[ "$1" = status ] || exit 0
      printf '%s\\n' 'Tap ID       Tap Type  Target ID  Target Type  Enabled  Status  Last Sync  Last Sync Result'
      printf '%s\\n' '-----------  --------  ---------  -----------  -------  ------  ---------  ----------------'
      printf '%s\\n' 'microserv_1  tap-x     redshift   target-x     True     ready              unknown' '1 pipeline(s)'`);
    const pid = await startForeign(box.paths.configDir, PAIR_WORDS);
    expect((await statusOf(box)).rows).toMatchObject([{ tap: "microserv_1", foreignRun: { pid } }]);
  });

  test("is shown if its log is the only trace", async () => {
    const box = sandbox(SCRIPT);
    box.install();
    const logs = join(box.paths.configDir, "redshift", "microserv_1", "log");
    mkdirSync(logs, { recursive: true });
    writeFileSync(join(logs, "microserv_1-redshift-20261123_115900.singer.log.running"), "");
    // Another host of the cluster may have written the log.
    const runs = join(box.paths.root, "runs", "2026-11");
    mkdirSync(runs, { recursive: true, mode: 0o700 });
    writeFileSync(join(runs, "far.jsonl"), "");
    const { rows, table, warnings } = await statusOf(box);
    const detail = expect.stringContaining("may be running on another host");
    expect(rows).toMatchObject([{ foreignRun: { pid: null, what: null, detail } }]);
    expect(table).toContain("perhaps running outside pipelinewise-sched, on another host");
    expect(warnings).toContain("warning: microserv_1 → redshift may be running on another host: ");
  });

  test("is shown beside a run of this program, which does not count as one", async () => {
    const box = sandbox(SCRIPT);
    box.install();
    writeFileSync(box.file("hold"), "");
    const running = runMain([...PAIR_WORDS, "--scheduled"], box.host);
    await untilFile(box.file("started"));
    expect((await statusOf(box)).rows).toMatchObject([{ running: { pid: process.pid }, foreignRun: null }]);
    const pid = await startForeign(box.paths.configDir, PAIR_WORDS);
    expect((await statusOf(box)).rows).toMatchObject([{ running: { pid: process.pid }, foreignRun: { pid } }]);
    rmSync(box.file("hold"));
    expect(await running).toBe(0);
  });
});

describe("a run of one entry of a pipeline", () => {
  test.each<[string[], string, string | null, string, number[]]>([
    [["--command", "fast_sync", "--id", "weekly"], "fast_sync", "weekly", "locked by fast_sync weekly", [1]],
    [["--command", "reset_state"], "reset_state", null, "locked by reset_state", []],
  ])("%j is shown as running at that entry only", async (words, command, id, shown, at) => {
    const box = sandbox(SCRIPT);
    box.install(
      [
        anEntry(),
        anEntry({ command: "fast_sync", id: "weekly" }),
        anEntry({ command: "fast_sync", id: "daily" }),
        anEntry({ command: "run_data_diff_checks" }),
      ],
      {},
      { fastSync: "fast_sync" },
    );
    writeFileSync(box.file("hold"), "");
    const running = runMain([...PAIR_WORDS, ...words], box.host);
    await untilFile(box.file("started"));
    const { rows, table } = await statusOf(box);
    const own = { running: { pid: process.pid, since: "2026-11-23T12:00:00.000Z" }, lockedBy: null };
    const other = { running: null, lockedBy: { command, id, pid: process.pid } };
    const free = { running: null, lockedBy: null };
    expect(rows).toMatchObject([...[0, 1, 2].map((index) => (at.includes(index) ? own : other)), free]);
    expect(table.split(shown)).toHaveLength(4 - at.length);
    rmSync(box.file("hold"));
    expect(await running).toBe(0);
  });
});

describe("a selection", () => {
  test.each([
    [["--tap", "nosuch"], "the tap nosuch is not in an installed schedule"],
    [["--target", "nosuch"], "the target nosuch is not in an installed schedule"],
    [["--tap", "nosuch", "--target", "redshift"], "nosuch → redshift is not in an installed schedule"],
  ])("of a pipeline that nothing names ends with 66: %j", async (words, said) => {
    const box = sandbox(SCRIPT);
    box.install();
    expect(await main(["status", ...words], box.host)).toBe(66);
    expect(box.host.err()).toContain(said);
  });

  test("of a pipeline that only the history names is empty", async () => {
    const box = sandbox(SCRIPT);
    expect(await runMain(PAIR_WORDS, box.host)).toBe(0);
    expect(await main(["status", ...PAIR_WORDS], box.host)).toBe(0);
    expect(box.host.out()).toBe("No pipeline to show.\n");
  });
});

test.each(["an empty directory", "nothing"])(
  "a link in place of the stored schedules, to %s, ends with 74",
  async (to) => {
    const box = sandbox(SCRIPT);
    mkdirSync(box.paths.root, { mode: 0o700 });
    if (to === "an empty directory") mkdirSync(box.file("elsewhere"));
    symlinkSync(box.file("elsewhere"), schedulesDir(box.paths));
    expect(await main(["status"], box.host)).toBe(74);
    expect(box.host.err()).toContain(`${schedulesDir(box.paths)} is a symbolic link; links are refused inside .sched`);
    expect(box.host.err()).not.toContain("No schedule is installed");
  },
);
