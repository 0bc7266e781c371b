import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DIALECTS, type Dialect, dialectOf } from "./dialect.ts";
import type { NewSandbox, Sandbox } from "./sandbox.ts";

const PAIR = ["--tap", "orders", "--target", "dwh"];
const PARTIAL_SYNC = ["partial_sync_table", "--table", "public.orders", "--column", "id", "--start_value", "100"];
const SNOWFLAKE = { target: "target-snowflake" };
const WITHOUT_FASTSYNC = { tap: "tap-jira" };

export function commandFacts(newSandbox: NewSandbox, dialect: Dialect): void {
  const { commands, fastSync } = DIALECTS[dialect];

  test("--version names a version of this dialect", async () => {
    const { code, stdout } = await newSandbox().run("--version");
    expect(code).toBe(0);
    const [, version = ""] = stdout.match(/^PipelineWise (\d+\.\d+\.\d+) - Command Line Interface\b/) ?? [];
    expect(dialectOf(version)).toBe(dialect);
  });

  test("--help lists the commands of this dialect and no others", async () => {
    const { code, stdout } = await newSandbox().run("--help");
    expect(code).toBe(0);
    const [, list = ""] = stdout.match(/\{([a-z_,]+)\}/) ?? [];
    expect(list.split(",").sort()).toEqual(commands.toSorted());
  });

  test.runIf(dialect === "0.76.7")("fast_sync is an invalid choice before 0.77, with 2", async () => {
    const { code, stderr } = await newSandbox().run("fast_sync", ...PAIR);
    expect(code).toBe(2);
    expect(stderr).toContain("pipelinewise: error: argument command: invalid choice: 'fast_sync' (choose from ");
  });

  test.each(fastSync)("%s copies by Fastsync, prints no summary and writes no state.json.bak", async (command) => {
    const sandbox = newSandbox();
    const { code, stdout } = await sandbox.run(command, ...PAIR);
    expect(code).toBe(0);
    expect(stdout).not.toContain("TAP RUN SUMMARY");
    expect(sandbox.logNames()).toEqual(["dwh-orders-<stamp>.fastsync.log.success"]);
    expect(sandbox.state()).toMatch(/"replication_key_value": ?110\b/);
    expect(existsSync(join(sandbox.tapDirectory, "state.json.bak"))).toBe(false);
    expect(existsSync(sandbox.pidfile)).toBe(false);
  });

  test.each(fastSync)(
    "%s copies only tables that its options name, and succeeds where they name none",
    async (command) => {
      const cases: [string, string, number][] = [
        ["--tables", "public.orders", 1],
        ["--tables", "public.bills", 0],
        ["--replication_method_only", "incremental", 1],
        ["--replication_method_only", "full_table", 0],
      ];
      for (const [option, value, copies] of cases) {
        const sandbox = newSandbox();
        expect((await sandbox.run(command, ...PAIR, option, value)).code, value).toBe(0);
        expect(sandbox.logNames(), value).toHaveLength(copies);
      }
    },
  );

  test.each(fastSync)("%s fails where the pair has no Fastsync, and Singer does not take over", async (command) => {
    const sandbox = newSandbox({}, WITHOUT_FASTSYNC);
    const { code, stdout, stderr } = await sandbox.run(command, ...PAIR);
    expect(code).toBe(1);
    if (dialect === "0.76.7") {
      const reason =
        "Table sync function is not implemented from tap-jira datasources to target-postgres type of targets";
      expect(lastLine(stdout)).toMatch(new RegExp(` log_level=ERROR message=${reason}$`));
    } else {
      const reason = "FastSync is not supported for tap-jira to target-postgres. No target changes were made.";
      expect(lastLine(stderr)).toBe(`pipelinewise.cli.errors.PreRunChecksException: ${reason}`);
    }
    expect(sandbox.logNames()).toEqual([]);
    expect(existsSync(sandbox.pidfile)).toBe(false);
  });

  test.each([
    ...fastSync.map((name) => ({ name, command: [name], types: {} })),
    { name: "partial_sync_table", command: PARTIAL_SYNC, types: SNOWFLAKE },
  ])("run_tap beside $name is refused with 1", async ({ command, types }) => {
    const sandbox = newSandbox({ hang: true }, types);
    const first = await sandbox.startBusy({ command });
    const { code, stdout } = await sandbox.runTap();
    expect(code).toBe(1);
    expect(lastLine(stdout)).toMatch(/ log_level=ERROR message=Another instance of the tap is already running\.$/);
    expect(readFileSync(sandbox.pidfile, "utf8")).toBe(String(first.pid));
  });

  test("partial_sync_table copies from MySQL or PostgreSQL to Snowflake, with a log name of its own", async () => {
    const sandbox = newSandbox({}, SNOWFLAKE);
    const { code, stdout } = await sandbox.run(...PARTIAL_SYNC, ...PAIR);
    expect(code).toBe(0);
    expect(stdout).not.toContain("TAP RUN SUMMARY");
    expect(sandbox.logNames()).toEqual(["dwh-orders-<stamp>.partialsync.log.success"]);
    expect(sandbox.state()).toMatch(/"replication_key_value": ?110\b/);
    expect(existsSync(sandbox.pidfile)).toBe(false);
  });

  test("partial_sync_table to any other target fails with 1 and an ERROR line", async () => {
    const sandbox = newSandbox();
    const { code, stdout } = await sandbox.run(...PARTIAL_SYNC, ...PAIR);
    expect(code).toBe(1);
    expect(stdout).toContain(
      " log_level=ERROR message=Error! orders(tap-postgres)-dwh(target-postgres) pair is not supported for the partial sync!\n",
    );
    expect(sandbox.logNames()).toEqual([]);
    expect(existsSync(sandbox.pidfile)).toBe(false);
  });

  test("partial_sync_table without --start_value names the option in a line without prefix, with 1", async () => {
    expect(await newSandbox().run(...PARTIAL_SYNC.slice(0, -2), ...PAIR)).toMatchObject({
      code: 1,
      stdout: "You must specify a start value by using the argument --start_value\n",
      stderr: "",
    });
  });

  test("reset_state moves the bookmarks of LOG_BASED tables and leaves the others alone", async () => {
    const sandbox = newSandbox();
    writeBookmarks(sandbox, { "public-orders": { lsn: 500 }, "public-bills": { replication_key_value: 7 } });
    const { code, stdout } = await sandbox.run("reset_state", ...PAIR);
    expect(code).toBe(0);
    expect(lastLine(stdout)).toMatch(/ log_level=INFO message=state file is reset for log based tables!$/);
    expect(JSON.parse(sandbox.state()).bookmarks).toEqual({
      "public-orders": { lsn: 1 },
      "public-bills": { replication_key_value: 7 },
    });
    expect(sandbox.logNames()).toEqual([]);
  });

  test("reset_state beside a run is not refused: it takes no pidfile", async () => {
    const sandbox = newSandbox({ hang: true });
    const run = await sandbox.startBusy();
    writeBookmarks(sandbox, { "public-orders": { lsn: 500 } });
    expect((await sandbox.run("reset_state", ...PAIR)).code).toBe(0);
    expect(JSON.parse(sandbox.state()).bookmarks).toEqual({ "public-orders": { lsn: 1 } });
    expect(readFileSync(sandbox.pidfile, "utf8")).toBe(String(run.pid));
    expect(sandbox.living()).toContain(run.pid);
  });

  test("reset_state of a tap that is neither MySQL nor PostgreSQL fails with 1 and an ERROR line", async () => {
    const sandbox = newSandbox({}, WITHOUT_FASTSYNC);
    const before = sandbox.state();
    const { code, stdout } = await sandbox.run("reset_state", ...PAIR);
    expect(code).toBe(1);
    expect(lastLine(stdout)).toMatch(/ log_level=ERROR message=state reset is available only for PostgreSQL taps!$/);
    expect(sandbox.state()).toBe(before);
  });
}

function writeBookmarks(sandbox: Sandbox, bookmarks: unknown): void {
  writeFileSync(join(sandbox.tapDirectory, "state.json"), JSON.stringify({ bookmarks }));
}

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";
