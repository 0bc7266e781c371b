import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { poll } from "../../test/support/wait.ts";
import { bootSystemd, cannotBoot } from "./container.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");

describe("systemd: tend of a schedule with catch_up", () => {
  test("starts what was missed, and the run goes on when the service of tend has ended", async (context) => {
    const lacking = cannotBoot();
    if (lacking !== undefined) return context.skip(lacking);
    const machine = await bootSystemd();
    const configDir = join(machine.directory, "config");
    mkdirSync(configDir);
    const command = join(machine.directory, "pipelinewise");
    const gate = join(machine.directory, "gate");
    writeFileSync(command, `#!/bin/sh\nwhile [ ! -e ${gate} ]; do sleep 0.2; done\n`, { mode: 0o755 });
    const missed = new Date(Date.now() - 1_800_000);
    const cron = `${missed.getUTCMinutes()} ${missed.getUTCHours()} * * *`;
    const file = join(machine.directory, "schedule.yml");
    const lines = ["on", "off"].map((tap) => `  - {tap: ${tap}, target: dwh, cron: "${cron}", catch_up: 12h}\n`);
    const call = `pipelinewise: {command: [${command}], config_dir: ${configDir}}`;
    writeFileSync(file, `timezone: UTC\n${call}\npipelines:\n${lines.join("")}`);
    const sched = (...words: readonly string[]) => machine.run(process.execPath, PROGRAM, ...words);
    expect(await sched("install", "--on", "systemd", file)).toMatchObject({ code: 0 });
    expect((await machine.run("systemctl", "disable", "--now", "pipelinewise-dwh-off.timer")).code).toBe(0);
    // As if it had been installed yesterday. From here on, the timer of tend may find the missed slot too.
    const stored = join(configDir, ".sched/schedules/pipelinewise.json");
    const yesterday = new Date(Date.now() - 86_400_000).toISOString();
    writeFileSync(stored, readFileSync(stored, "utf8").replace(/"since": "[^"]*"/g, `"since": "${yesterday}"`));

    // This returns when the service has ended.
    expect((await machine.run("systemctl", "start", "pipelinewise-tend.service")).code).toBe(0);
    writeFileSync(gate, "");
    const { runs } = await poll(
      async () => JSON.parse((await sched("history", "--config-dir", configDir, "--json")).stdout),
      (history) => history.runs.length > 0,
    );
    expect(runs).toMatchObject([
      { tap: "on", outcome: "succeeded", detail: expect.stringMatching(/^caught up on the missed due time /) },
    ]);
  });
});
