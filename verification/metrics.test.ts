import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { main } from "../src/cli/main.ts";
import { tempDirectory } from "../test/support/host.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../test/support/sandbox.ts";
import { inCi, lackingForMetrics } from "./rig/needs.ts";

/** A skip that is a failure in CI. */
function needPromtool(skip: (reason: string) => void): void {
  const lacking = lackingForMetrics();
  if (lacking === undefined) return;
  if (inCi) throw new Error(lacking);
  skip(lacking);
}

function promtool(words: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync("promtool", words, { input, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

test("promtool accepts the metrics and has no advice about their names", async ({ skip }) => {
  needPromtool(skip);
  const box = sandbox();
  box.install([
    anEntry({ policies: { freshWithinMs: 60_000 } }),
    anEntry({ command: "sync_tables", id: "weekly", crons: ["0 3 * * 0"] }),
  ]);
  expect(await main(["run", ...PAIR_WORDS], box.host)).toBe(0);
  const reader = sandbox("exit 0", { env: box.host.env });
  expect(await main(["metrics"], reader.host)).toBe(0);
  expect(reader.host.out()).toContain("last_success_timestamp_seconds");
  expect(reader.host.out()).toContain("late_seconds");
  expect(promtool(["check", "metrics"], reader.host.out())).toEqual({ status: 0, output: "" });
  expect(promtool(["check", "metrics"], `${reader.host.out()}garbage`)).toMatchObject({ status: 1 });
});

test("promtool accepts the example alert rules", ({ skip }) => {
  needPromtool(skip);
  const { status, output } = promtool(["check", "rules", "examples/monitoring/alert-rules.yml"]);
  expect(output).toMatch(/SUCCESS: [1-9]\d* rules found/);
  expect(status).toBe(0);
});

test("the example rule PipelineWithoutSuccess leaves out the pipelines with fresh_within", ({ skip }) => {
  needPromtool(skip);
  const series = (name: string, tap: string) => ({
    series: `pipelinewise_sched_${name}{tap="${tap}"}`,
    values: "0x1600",
  });
  const summary = "a into  has not succeeded for 25 hours";
  const cases = {
    rule_files: [resolve("examples/monitoring/alert-rules.yml")],
    tests: [
      {
        interval: "1m",
        input_series: [
          series("last_success_timestamp_seconds", "a"),
          series("last_success_timestamp_seconds", "b"),
          series("late_seconds", "b"),
        ],
        alert_rule_test: [
          { eval_time: "25h", alertname: "PipelineWithoutSuccess", exp_alerts: [] },
          {
            eval_time: "25h1m",
            alertname: "PipelineWithoutSuccess",
            exp_alerts: [{ exp_labels: { tap: "a" }, exp_annotations: { summary } }],
          },
        ],
      },
    ],
  };
  const file = join(tempDirectory(), "test.yml");
  writeFileSync(file, JSON.stringify(cases));
  expect(promtool(["test", "rules", file])).toMatchObject({ status: 0 });
});
