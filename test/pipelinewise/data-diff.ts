import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../support/wait.ts";
import type { NewSandbox, Sandbox } from "./sandbox.ts";

const ORDERS = ["--tap", "orders", "--target", "dwh"];
const LONG = 60;

interface Attempt {
  readonly run_id: string;
  readonly check: string;
  readonly attempt: number;
  readonly status: string;
  readonly error?: string;
}

/**
 * Data-diff checks, which PipelineWise has since 0.78. These facts are from its documentation and its source, and no real
 * PipelineWise is held to them: that would take a PostgreSQL for its `backend_db` and checks of real tables.
 */
export function dataDiffFacts(newSandbox: NewSandbox): void {
  test("a check that finds no difference is PASS and 0; it takes no pidfile, writes no log and leaves state.json alone", async () => {
    const sandbox = newSandbox({ checks: { orders_count: {} } });
    const before = statSync(stateFile(sandbox));
    const { code, stdout, stderr } = await sandbox.run("run_data_diff_checks", ...ORDERS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Check {2,}Status {2,}Slot status {2,}UTC start {2,}UTC end {2,}Run ID$/m);
    expect(statuses(stdout)).toEqual(["dwh/orders/orders_count PASS"]);
    expect(existsSync(sandbox.pidfile)).toBe(false);
    expect(sandbox.logNames()).toEqual([]);
    expect(statSync(stateFile(sandbox))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
  });

  test("a mismatch is FAIL on stdout and 1, and the checks after it run all the same", async () => {
    const sandbox = newSandbox({ checks: { orders_count: { mismatch: true }, orders_keys: {} } });
    const { code, stdout } = await sandbox.run("run_data_diff_checks", ...ORDERS);
    expect(code).toBe(1);
    expect(statuses(stdout)).toEqual(["dwh/orders/orders_count FAIL", "dwh/orders/orders_keys PASS"]);
  });

  test("a check beside a run is not refused, and the run keeps its pidfile", async () => {
    const sandbox = newSandbox({ hang: true, checks: { orders_count: {} } });
    const run = await sandbox.startBusy();
    expect((await sandbox.run("run_data_diff_checks", ...ORDERS)).code).toBe(0);
    expect(readFileSync(sandbox.pidfile, "utf8")).toBe(String(run.pid));
    expect(sandbox.living()).toContain(run.pid);
  });

  test("a run beside a check starts and succeeds", async () => {
    const sandbox = newSandbox({ checks: { orders_count: { seconds: LONG } } });
    const check = sandbox.start(["run_data_diff_checks", ...ORDERS]);
    await until("the check runs", () => attempts(sandbox).length > 0);
    expect((await sandbox.runTap()).code).toBe(0);
    expect(sandbox.living()).toContain(check.pid);
  });

  test.each<[string, NodeJS.Signals]>([
    ["TERM", "SIGTERM"],
    ["INT", "SIGINT"],
  ])("%s during a check records the check as ERROR, and then ends the process by that signal", async (_, signal) => {
    const sandbox = newSandbox({ checks: { orders_count: { seconds: LONG } } });
    const check = sandbox.start(["run_data_diff_checks", ...ORDERS]);
    await until("the check runs", () => attempts(sandbox).length > 0);
    process.kill(check.pid, signal);
    expect(await check.ended).toMatchObject({ code: null, signal });
    expect(attempts(sandbox).at(-1)).toMatchObject({
      check: "dwh/orders/orders_count",
      status: "ERROR",
      error: `Terminated by ${signal} before the check completed`,
    });
  });

  test.each(["orders_count", "dwh/orders/orders_count"])("--check %s runs that check alone", async (name) => {
    const sandbox = newSandbox({ checks: { orders_count: {}, orders_keys: { mismatch: true } } });
    const { code, stdout } = await sandbox.run("run_data_diff_checks", ...ORDERS, "--check", name);
    expect(code).toBe(0);
    expect(statuses(stdout)).toEqual(["dwh/orders/orders_count PASS"]);
  });

  test.each([
    ["an unknown --check", [...ORDERS, "--check", "nope"]],
    ["an unknown --tap", ["--tap", "nope", "--target", "dwh"]],
  ])("%s selects no check: nothing runs, with 0", async (_, words) => {
    const sandbox = newSandbox({ checks: { orders_count: { mismatch: true } } });
    const { code, stdout } = await sandbox.run("run_data_diff_checks", ...words);
    expect(code).toBe(0);
    expect(statuses(stdout)).toEqual([]);
  });

  test("--target alone runs the checks of its taps, and --all those of every tap", async () => {
    const sandbox = newSandbox({ checks: { orders_count: {} } });
    sandbox.addTap("bills", { checks: { bills_count: {} } });
    const both = ["dwh/orders/orders_count PASS", "dwh/bills/bills_count PASS"];
    for (const words of [["--target", "dwh"], ["--all"], ["--all", ...ORDERS]])
      expect(statuses((await sandbox.run("run_data_diff_checks", ...words)).stdout), words.join(" ")).toEqual(both);
  });

  test.each([
    ["run_data_diff_checks", ["--tap", "orders"], "You must specify --target when filtering data-diff checks by --tap"],
    [
      "list_data_diff_checks",
      ["--tap", "orders"],
      "You must specify --target when filtering data-diff checks by --tap",
    ],
    ["run_data_diff_checks", [], "You must specify --target and --tap, or use --all to run all definitions"],
    ["rerun_data_diff_check", [], "You must specify the failed data-diff run using --run-id"],
    [
      "rerun_data_diff_check",
      ["--run-id", "1"],
      "You must specify the repair or incident reference using --remediation-ref",
    ],
  ])("%s %j says what is missing in a line without prefix, with 1", async (command, words, line) => {
    expect(await newSandbox().run(command, ...words)).toMatchObject({ code: 1, stdout: `${line}\n`, stderr: "" });
  });

  test("list_data_diff_checks names the checks and runs none", async () => {
    const sandbox = newSandbox({ checks: { orders_count: { mismatch: true } } });
    const { code, stdout } = await sandbox.run("list_data_diff_checks");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^dwh\/orders\/orders_count +dwh +orders$/m);
    const json = await sandbox.run("list_data_diff_checks", ...ORDERS, "--output-format", "json");
    expect(json.stdout).toContain('"full_check_name": "dwh/orders/orders_count"');
    expect(attempts(sandbox)).toEqual([]);
  });

  test("rerun_data_diff_check repeats a failed attempt, and ends with 0 or 1", async () => {
    const sandbox = newSandbox({ checks: { orders_count: { mismatch: true } } });
    await sandbox.run("run_data_diff_checks", ...ORDERS);
    const failed = attempts(sandbox).at(-1)?.run_id ?? "";
    const again = ["rerun_data_diff_check", "--run-id", failed, "--remediation-ref", "AP-1234"];
    expect((await sandbox.run(...again)).code).toBe(1);
    sandbox.tell({ checks: { orders_count: {} } });
    const { code, stdout } = await sandbox.run(...again);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^dwh\/orders\/orders_count +PASS +2 .* AP-1234$/m);
    expect(attempts(sandbox).at(-1)).toMatchObject({ attempt: 2, status: "PASS" });
  });

  test("rerun_data_diff_check of an attempt that did not fail is a traceback and 1", async () => {
    const sandbox = newSandbox({ checks: { orders_count: {} } });
    await sandbox.run("run_data_diff_checks", ...ORDERS);
    const passed = attempts(sandbox).at(-1)?.run_id ?? "";
    const { code, stderr } = await sandbox.run("rerun_data_diff_check", "--run-id", passed, "--remediation-ref", "x");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Traceback \(most recent call last\):\n/);
  });
}

const stateFile = (sandbox: Sandbox): string => join(sandbox.tapDirectory, "state.json");

/** Name and status of each row of the table that a run of checks prints. */
const statuses = (stdout: string): string[] =>
  [...stdout.matchAll(/^(\w+\/\w+\/\w+) +([A-Z]+) /gm)].map(([, name, status]) => `${name} ${status}`);

/** The attempts that the stand-in stores instead of PipelineWise's backend database, oldest first. */
function attempts({ config }: Sandbox): Attempt[] {
  const file = join(config, "stand_in_backend.jsonl");
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}
