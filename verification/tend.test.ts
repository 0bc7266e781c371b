import { readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { statePaths } from "../src/storage/paths.ts";
import { DEAD_RUN, leaveDeadLock } from "../test/run/dead-run.ts";
import { waitFor } from "../test/support/wait.ts";
import { cronComplaints, cronStarts } from "./rig/cron-log.ts";
import { importProject, STAND_IN, schedWell, testMachine } from "./rig/product.ts";
import { describeOnRealCron } from "./rig/suite.ts";

describeOnRealCron("the line of tend in a real crontab", () => {
  test("is started every five minutes, records a lost run once, and has cron mail it", async () => {
    const machine = await testMachine();
    await importProject(machine, join(STAND_IN, "project"));
    const file = join(machine.directory, "schedule.yml");
    const metrics = join(machine.directory, "pipelines.prom");
    const pipeline = '{tap: microserv_1, target: redshift, cron: "0 4 29 2 *"}';
    writeFileSync(file, `metrics: {file: ${metrics}}\npipelines: [${pipeline}]\n`);
    await schedWell(machine, ["install", file]);
    leaveDeadLock(statePaths(join(machine.home, ".pipelinewise")), { host: hostname() });

    // Only the daemon's clock is stepped: its jobs start within the same few seconds.
    const log = await machine.step(new Date("2026-11-23T12:00:00Z"), new Date("2026-11-23T12:16:00Z"));
    await waitFor("the end of what cron started", 60_000, () => machine.processes().length === 0 || undefined);

    expect(cronComplaints(log)).toEqual([]);
    expect(cronStarts(log).map(({ at, command }) => [at, / tend$/.test(command)])).toEqual(
      ["12:00", "12:05", "12:10", "12:15"].map((time) => [`2026-11-23T${time}Z`, true]),
    );
    const { runs } = JSON.parse(await schedWell(machine, ["history", "--json"]));
    expect(runs).toMatchObject([{ id: DEAD_RUN.id, tap: "microserv_1", outcome: "lost" }]);
    expect(machine.mails()).toEqual([
      expect.stringMatching(/^pipelinewise-sched: microserv_1 → redshift: the run of .* was lost/m),
    ]);
    expect(readFileSync(metrics, "utf8")).toMatch(/^pipelinewise_sched_last_run_outcome\{.*outcome="lost".*\} 1$/m);
  });
});
