import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";

const HOST_FILE = ".pipelinewise/.sched/schedules/pipelinewise.testhost.json";

test("validate counts a typical run of the history when it checks fresh_within", async () => {
  const machine = fakeMachine({ hasPrograms: true });
  machine.put("schedule.yml", 'pipelines: [{tap: orders, target: redshift, cron: "0 * * * *", fresh_within: 65m}]\n');
  await machine.run("install");
  expect((await machine.run("validate")).out).toContain("fine");
  const run = {
    id: "a",
    tap: "orders",
    target: "redshift",
    command: "run_tap",
    outcome: "succeeded",
    host: "testhost",
  };
  const times = { scheduled: true, startedAt: "2026-11-20T10:00:00.000Z", endedAt: "2026-11-20T10:10:00.000Z" };
  mkdirSync(join(machine.home, ".pipelinewise/.sched/runs/2026-11"), { recursive: true, mode: 0o700 });
  machine.put(".pipelinewise/.sched/runs/2026-11/testhost.jsonl", `${JSON.stringify({ ...run, ...times })}\n`);
  expect((await machine.run("validate")).out).toContain(
    "fresh_within is 1 h 5 min, but up to 1 h pass between two runs (2026-11-23 13:00Z to 2026-11-23 14:00Z), and a typical run takes 10 min",
  );
});

test("validate warns if the time zones of the installed schedule expire soon", async () => {
  const machine = fakeMachine({ hasPrograms: true });
  machine.put(
    "schedule.yml",
    'timezone: Asia/Tokyo\npipelines: [{tap: orders, target: redshift, cron: "30 9 * * *"}]\n',
  );
  await machine.run("install");
  expect((await machine.run("validate")).err).not.toContain("warning");
  machine.put(
    HOST_FILE,
    (machine.text(HOST_FILE) ?? "").replace(/"until": "[^"]*"/, '"until": "2026-12-06T00:00:00Z"'),
  );
  expect((await machine.run("validate")).err).toContain(
    "warning: the lines of pipelinewise for other time zones are valid until 2026-12-06: pipelinewise-sched install ~/schedule.yml\n",
  );
  machine.put("other.yml", machine.text("schedule.yml") ?? "");
  expect((await machine.run("validate", "other.yml")).err).not.toContain("warning");
});
