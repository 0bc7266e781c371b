import { expect, test } from "vitest";
import { installWorld } from "../support/install-world.ts";

const HOST_FILE = ".pipelinewise/.sched/schedules/pipelinewise.testhost.json";

test("validate tells when the zones of the installed schedule near their end", async () => {
  const world = installWorld();
  world.put("schedule.yml", 'timezone: Asia/Tokyo\npipelines: [{tap: orders, target: redshift, cron: "30 9 * * *"}]\n');
  await world.run("install");
  expect((await world.run("validate")).err).not.toContain("warning");
  world.put(HOST_FILE, (world.text(HOST_FILE) ?? "").replace(/"until": "[^"]*"/, '"until": "2026-12-06T00:00:00Z"'));
  expect((await world.run("validate")).err).toContain(
    "warning: the lines of pipelinewise for other time zones are valid until 2026-12-06: pipelinewise-sched install ~/schedule.yml\n",
  );
  world.put("other.yml", world.text("schedule.yml") ?? "");
  expect((await world.run("validate", "other.yml")).err).not.toContain("warning");
});
