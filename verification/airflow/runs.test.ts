import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isRunning } from "../../test/support/processes.ts";
import { waitFor } from "../../test/support/wait.ts";
import { cannotRun, inCi } from "../rig/needs.ts";
import { startPrivateCron } from "../rig/private-cron.ts";
import { schedWell } from "../rig/product.ts";
import type { TaskInstance } from "./api.ts";
import { type AirflowProduct, airflowProduct } from "./product.ts";
import { type AirflowServer, startAirflow } from "./server.ts";
import { describeOnAirflow } from "./suite.ts";

/**
 * A cron that Airflow starts every minute of today, and that is never due these days: of two day fields that must both
 * match, Airflow is told the one that leaves out more.
 */
function neverDue(now: Date): string {
  const near = [-1, 0, 1].map((days) => new Date(now.getTime() + days * 86_400_000));
  const weekdays = near.map((day) => day.getUTCDay()).join();
  const days = Array.from({ length: 31 }, (_, index) => index + 1);
  const others = days.filter((day) => near.every((one) => one.getUTCDate() !== day));
  return `* * ${others.join()} * */6,${weekdays}`;
}

const EVERY_MINUTE = "* * * * *";

await describeOnAirflow("3.3.2", "pipelines of a schedule", (airflow) => {
  let directory: string;
  let machine: AirflowServer;
  let product: AirflowProduct;
  beforeAll(async () => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), "pws-airflow-")));
    machine = await startAirflow(airflow, { GREETING: "hello" });
    product = airflowProduct(machine, directory, [
      `{tap: good, target: dwh, cron: "${EVERY_MINUTE}"}`,
      `{tap: bad, target: dwh, cron: "${EVERY_MINUTE}"}`,
      `{tap: slow, target: dwh, cron: "${EVERY_MINUTE}"}`,
      `{tap: undue, target: dwh, cron: "${neverDue(new Date())}", timezone: UTC}`,
      `{tap: yearly, target: dwh, cron: "0 0 1 1 *"}`,
      "{tap: next, target: dwh, after: {tap: good, target: dwh}}",
    ]);
  }, 240_000);
  afterAll(async () => {
    await machine?.stop();
    rmSync(directory, { recursive: true, force: true });
  }, 30_000);

  const log = (task: TaskInstance): Promise<string> => machine.taskLog(task).then((lines) => lines.join("\n"));
  const slotOf = ({ dag_run_id }: TaskInstance): string =>
    new Date(/^scheduled__([^_]*)/.exec(dag_run_id)?.[1] ?? Number.NaN).toISOString();
  const pathOf = ({ dag_id, dag_run_id }: TaskInstance): string =>
    `dags/${dag_id}/dagRuns/${encodeURIComponent(dag_run_id)}/taskInstances/run`;

  test("install asks Airflow for its directory; a second one has nothing to change", async () => {
    const first = await product.install();
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${machine.dags}/pipelinewise_sched_shop.py`),
    });
    const again = await product.install();
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing to change") });
  });

  test("a success is shown as success, with the pipeline's output", async () => {
    const [task] = await product.tasksOf("good", "a success", ({ state }) => state === "success");
    expect(await log(task)).toContain("run_tap --tap good --target dwh has ");
    expect(await log(task)).toContain("and hello");
    const runs = await product.history("good");
    expect(runs.find(({ slot }) => slot === slotOf(task))).toMatchObject({ outcome: "succeeded" });
  });

  test("a run starts the entry after it in its own task; that entry has no DAG", async () => {
    const [task] = await product.tasksOf("good", "a success", ({ state }) => state === "success");
    expect(await log(task)).toContain("run_tap --tap next --target dwh has ");
    const trigger = (await product.history("good")).find(({ slot }) => slot === slotOf(task));
    const follower = (await product.history("next")).filter(({ triggeredBy }) => triggeredBy === trigger?.id);
    expect(follower).toMatchObject([{ outcome: "succeeded", slot: null }]);
    const { dags } = (await machine.ask("GET", "dags")) as { readonly dags: readonly { readonly dag_id: string }[] };
    const ofPipelines = ["bad", "good", "slow", "undue", "yearly"].map((tap) => `shop.dwh.${tap}`);
    expect(dags.map(({ dag_id }) => dag_id).sort()).toEqual([...ofPipelines, "shop.tend"]);
  });

  test("the DAG of tend can be triggered, and writes the metrics file", async () => {
    await machine.ask("POST", "dags/shop.tend/dagRuns", { logical_date: null });
    const task = await waitFor("the end of its task", 180_000, async () =>
      (await machine.tasks()).find(
        ({ dag_id, dag_run_id, state }) =>
          dag_id === "shop.tend" && dag_run_id.startsWith("manual__") && ["success", "failed"].includes(state ?? ""),
      ),
    );
    expect(task.state, await log(task)).toBe("success");
    expect(readFileSync(product.metrics, "utf8")).toContain('pipelinewise_sched_build_info{schedule="shop"');
  });

  test("a failure is shown as failed, with its last lines", async () => {
    const [task] = await product.tasksOf("bad", "a failure", ({ state }) => state === "failed");
    expect(await log(task)).toContain("no route to the tap");
    const runs = await product.history("bad");
    expect(runs.find(({ slot }) => slot === slotOf(task))).toMatchObject({ outcome: "failed", exitCode: 3 });
  });

  test("a start that is not due is shown as skipped, and leaves no record", async () => {
    const [task] = await product.tasksOf("undue", "a skip", ({ state }) => state === "skipped");
    expect(await log(task)).toContain(`skipped (not-due): undue → dwh is not due at ${slotOf(task)}`);
    expect(await product.history("undue")).toEqual([]);
  });

  test("a start while the pipeline is running is shown as skipped, and recorded", async () => {
    const [running] = await product.tasksOf("slow", "a run", ({ state }) => state === "running");
    const [skipped] = await product.tasksOf("slow", "a skip", ({ state }) => state === "skipped");
    expect(slotOf(running) < slotOf(skipped)).toBe(true);
    expect(await log(skipped)).toMatch(/skipped \(overlap\): slow → dwh is locked by host \S+, pid \d+, since /);
    const runs = await product.history("slow");
    expect(runs.find(({ slot }) => slot === slotOf(skipped))).toMatchObject({ outcome: "skipped", reason: "overlap" });
  });

  test("a task that is marked failed leaves no process, deaf as they are", async () => {
    const [running] = await product.tasksOf("slow", "a run", ({ state }) => state === "running");
    const pids = product.hanging();
    expect(pids.map(isRunning)).toEqual([true, true]);
    product.hangNoMore();
    await machine.ask("PATCH", pathOf(running), { new_state: "failed" });
    await waitFor("the end of its processes", 60_000, () => pids.every((pid) => !isRunning(pid)) || undefined);
    const stopped = await waitFor("its record", 20_000, async () =>
      (await product.history("slow")).find(({ outcome, slot }) => outcome !== "skipped" && slot === slotOf(running)),
    );
    expect(stopped).toMatchObject({ outcome: "stopped" });
  });

  test("Trigger runs the pipeline at once, whatever its times", async () => {
    await machine.ask("POST", "dags/shop.dwh.yearly/dagRuns", { logical_date: null });
    const [task] = await product.tasksOf("yearly", "a success", ({ state }) => state === "success");
    expect(task.dag_run_id).toMatch(/^manual__/);
    expect(await product.history("yearly")).toMatchObject([{ outcome: "succeeded", slot: null }]);
  });

  test.each([
    ["bad", "failed", "failed"],
    ["good", "success", "succeeded"],
  ])("Clear runs the slot of a task once more: %s", async (tap, state, outcome) => {
    const [task] = await product.tasksOf(tap, state, (one) => one.state === state);
    await machine.ask("POST", `dags/${task.dag_id}/clearTaskInstances`, {
      dag_run_id: task.dag_run_id,
      task_ids: ["run"],
      only_failed: false,
      reset_dag_runs: true,
      dry_run: false,
    });
    const [again] = await product.tasksOf(
      tap,
      "its second try",
      (one) => one.dag_run_id === task.dag_run_id && one.try_number === 2 && one.state === state,
    );
    const ofSlot = (await product.history(tap)).filter(({ slot }) => slot === slotOf(again));
    expect(ofSlot.map((run) => run.outcome)).toEqual([outcome, outcome]);
  });

  test("beside cron, in the same minute: one run and one skip", async (context) => {
    const reason = cannotRun();
    if (reason !== undefined && inCi) throw new Error(reason);
    if (reason !== undefined) return context.skip(reason);
    const cron = await startPrivateCron();
    try {
      await schedWell(cron, ["install", product.file]);
      await cron.startDaemon();
      const since = new Date().toISOString();
      const [task] = await product.tasksOf(
        "good",
        "a task of the next minute",
        (one) => slotOf(one) > since && ["success", "skipped"].includes(one.state ?? ""),
      );
      const slot = slotOf(task);
      const seen = await waitFor("both starts in the history", 30_000, async () => {
        const about = (await product.history("good")).filter((row) => row.slot === slot || row.detail?.includes(slot));
        return about.length < 2 ? undefined : about;
      });
      expect(seen.map(({ outcome, reason }) => reason ?? outcome).sort()).toEqual(["slot-done", "succeeded"]);
      const cronStarts = cron.log().filter(({ text }) => text.includes("--tap good"));
      expect(cronStarts.some(({ at }) => at.toISOString().slice(0, 16) === slot.slice(0, 16))).toBe(true);
    } finally {
      await cron.stop();
    }
  });

  test("uninstall takes the file away, and says what Airflow keeps", async () => {
    const { code, stderr } = await product.sched(
      "uninstall",
      "--on",
      "airflow",
      "--name",
      "shop",
      "--config-dir",
      product.configDir,
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining("airflow dags delete -y shop.dwh.yearly")]);
    expect(existsSync(join(machine.dags, "pipelinewise_sched_shop.py"))).toBe(false);
  });

  test("stopped, Airflow leaves no process", async () => {
    expect(machine.living().length).toBeGreaterThan(3);
    await machine.stop();
    expect(machine.living()).toEqual([]);
  });
});
