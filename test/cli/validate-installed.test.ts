import { expect, test } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";

const HOST_FILE = ".pipelinewise/.sched/schedules/pipelinewise.testhost.json";

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
