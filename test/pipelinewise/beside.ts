import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../support/wait.ts";
import { DIALECTS, type Dialect } from "./dialect.ts";
import type { NewSandbox } from "./sandbox.ts";

const ORDERS = ["--tap", "orders", "--target", "dwh"];

/** Tests of this program beside a PipelineWise that a person has started by hand, for each of its commands. */
export function besideFacts(newSandbox: NewSandbox, dialect: Dialect): void {
  const { fastSync } = DIALECTS[dialect];

  test.each(["run_tap", ...fastSync])(
    "a %s that was started by hand skips our run and keeps its pidfile",
    async (command) => {
      const sandbox = newSandbox({ hang: true });
      const byHand = await sandbox.startBusy({ command: [command] });
      const { code, stderr } = await sandbox.startOurs(["run", ...ORDERS]).ended;
      expect({ code, stderr }).toEqual({
        code: 75,
        stderr: expect.stringContaining(
          `skipped (external): orders → dwh is run by pid ${byHand.pid} (${command}), which this program did not start`,
        ),
      });
      expect(readFileSync(sandbox.pidfile, "utf8")).toBe(String(byHand.pid));
      expect(sandbox.living()).toContain(byHand.pid);
    },
  );

  test.each(["fast_sync", "sync_tables"])(
    "our run of %s calls it by the name that this PipelineWise knows",
    async (command) => {
      const sandbox = newSandbox();
      const { code, stderr } = await sandbox.startOurs(["run", ...ORDERS, "--command", command]).ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(sandbox.logNames()).toEqual(["dwh-orders-<stamp>.fastsync.log.success"]);
    },
  );

  test("reset_state runs under the pipeline's lock", async () => {
    const sandbox = newSandbox({ hang: true });
    const run = sandbox.startOurs(["run", ...ORDERS]);
    await until("the connectors work", () => sandbox.logText(".running").includes("begins"));
    const before = readFileSync(join(sandbox.tapDirectory, "state.json"), "utf8");
    const reset = ["run", ...ORDERS, "--command", "reset_state"];
    const beside = await sandbox.startOurs(reset).ended;
    expect(beside.code).toBe(75);
    expect(beside.stderr).toContain("skipped (overlap): orders → dwh (reset_state) is locked by host");
    expect(readFileSync(join(sandbox.tapDirectory, "state.json"), "utf8")).toBe(before);
    process.kill(run.pid, "SIGTERM");
    await run.ended;
    expect((await sandbox.startOurs(reset).ended).code).toBe(0);
  });
}

/** The same for data-diff checks, which no real PipelineWise is held to: see `dataDiffFacts`. */
export function besideDataDiffFacts(newSandbox: NewSandbox): void {
  const checks = ["run", ...ORDERS, "--command", "run_data_diff_checks"];

  test("our run of data-diff checks does not wait for a run of the same pipeline, and fails on a mismatch", async () => {
    const sandbox = newSandbox({ hang: true, checks: { orders_count: { mismatch: true } } });
    const run = sandbox.startOurs(["run", ...ORDERS]);
    await until("the connectors work", () => sandbox.logText(".running").includes("begins"));
    const { code, stdout, stderr } = await sandbox.startOurs(checks).ended;
    expect(code).toBe(1);
    expect(stdout).toContain("FAIL");
    expect(stderr).toContain("orders → dwh (run_data_diff_checks) failed with exit code 1");
    expect(sandbox.logNames()).toEqual(["dwh-orders-<stamp>.singer.log.running"]);
    process.kill(run.pid, "SIGTERM");
    await run.ended;
  });

  test("data-diff checks that were started by hand do not skip our run of the pipeline, only our checks", async () => {
    const sandbox = newSandbox({ checks: { orders_count: { seconds: 600 } } });
    const byHand = sandbox.start(["run_data_diff_checks", ...ORDERS]);
    await until("the check runs", () => sandbox.living().includes(byHand.pid));
    expect((await sandbox.startOurs(["run", ...ORDERS]).ended).code).toBe(0);
    const skipped = await sandbox.startOurs(checks).ended;
    expect(skipped.code).toBe(75);
    expect(skipped.stderr).toContain(`is run by pid ${byHand.pid} (run_data_diff_checks)`);
  });
}
