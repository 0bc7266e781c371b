import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { waitFor } from "../../test/support/wait.ts";
import { bootSystemd, cannotBoot } from "./container.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");
/** The slow pipeline leaves a child in a session of its own, where no signal to its group goes. */
const PIPELINEWISE = `#!/bin/sh
case "$*" in
  *slow*) setsid sleep 1001 & sleep 1002 & wait ;;
esac
echo "ran $*"
`;
const UNIT = "pipelinewise-warehouse-redshift";
const TEND = "pipelinewise-warehouse:tend";

/** A booted machine with two pipelines that are due every minute, and one that runs after the first. */
async function machine() {
  const machine = await bootSystemd();
  const configDir = join(machine.directory, "config dir 50%");
  mkdirSync(configDir);
  const command = join(machine.directory, "pipelinewise");
  writeFileSync(command, PIPELINEWISE, { mode: 0o755 });
  const file = join(machine.directory, "schedule.yml");
  const pipelines = ["quick", "slow"].map((tap) => `  - {tap: ${tap}, target: redshift, cron: "* * * * *"}\n`);
  pipelines.push("  - {tap: next, target: redshift, after: {tap: quick, target: redshift}}\n");
  const metrics = join(machine.directory, "pipelines.prom");
  writeFileSync(
    file,
    `name: warehouse\npipelinewise: {command: [${command}], config_dir: ${JSON.stringify(configDir)}}\nmetrics: {file: ${metrics}}\npipelines:\n${pipelines.join("")}`,
  );
  const sched = async (...words: readonly string[]) => machine.run(process.execPath, PROGRAM, ...words);
  return {
    ...machine,
    metrics: () => readFileSync(metrics, "utf8"),
    sched: (command: string) => sched(command, file, "--on", "systemd"),
    runs: async (tap: string) => {
      const { stdout } = await sched("history", "--tap", tap, "--config-dir", configDir, "--json");
      const { runs } = JSON.parse(stdout) as {
        runs: readonly Record<"id" | "outcome" | "slot" | "startedAt" | "triggeredBy", string>[];
      };
      return runs;
    },
    sleeps: async () =>
      (await machine.run("sh", "-c", "cat /proc/[0-9]*/cmdline")).stdout
        .split("\0")
        .filter((word) => /^100[12]$/.test(word)),
    property: async (unit: string, name: string) =>
      (await machine.run("systemctl", "show", `--property=${name}`, "--value", unit)).stdout.trim(),
  };
}

describe("systemd: a real manager", () => {
  test("starts what install has put there, in its minute; stop reaches the whole tree; uninstall leaves nothing", async (context) => {
    const lacking = cannotBoot();
    if (lacking !== undefined) return context.skip(lacking);
    const box = await machine();
    const install = await box.sched("install");
    expect(install).toMatchObject({ code: 0, stderr: expect.stringContaining("installed warehouse on systemd") });
    expect(await box.sched("diff")).toMatchObject({ code: 0, stdout: "systemd: 6 unchanged\n" });

    expect(await box.property(`${TEND}.timer`, "NextElapseUSecRealtime")).toMatch(/:\d[05]:00 /);
    expect((await box.run("systemctl", "start", `${TEND}.service`)).code).toBe(0);
    expect(box.metrics()).toContain('pipelinewise_sched_build_info{schedule="warehouse"');

    const [run] = await waitFor("a run by the timer", 90_000, async () => {
      const runs = await box.runs("quick");
      return runs.length > 0 ? runs : undefined;
    });
    expect(run?.outcome).toBe("succeeded");
    expect(run?.slot.slice(0, 16)).toBe(run?.startedAt.slice(0, 16));
    expect(box.log()).toContain("ran run_tap --tap quick --target redshift");
    // The entry after it runs in the same unit.
    const [follower] = await waitFor("the run of the entry after it", 20_000, async () => {
      const runs = (await box.runs("next")).filter(({ triggeredBy }) => triggeredBy === run?.id);
      return runs.length > 0 ? runs : undefined;
    });
    expect(follower?.outcome).toBe("succeeded");
    expect(box.log()).toMatch(/ran run_tap --tap next --target redshift/);

    // A second start in the same minute, if no new minute has begun. It is not a failure, and the journal shows it.
    await waitFor("a skip", 20_000, async () => {
      expect((await box.run("systemctl", "start", `${UNIT}-quick.service`)).code).toBe(0);
      return box.log().includes("skipped (slot-done): quick → redshift was already started for") ? true : undefined;
    });

    await waitFor("the slow pipeline is running", 90_000, async () =>
      (await box.sleeps()).length === 2 ? true : undefined,
    );
    // A minute later systemd starts nothing beside it; the run itself tells so at its end.
    const began = Date.now();
    await waitFor("the next minute", 90_000, async () =>
      Math.floor((Date.now() - 2_000) / 60_000) > Math.floor(began / 60_000) ? true : undefined,
    );
    expect((await box.run("systemctl", "stop", `${UNIT}-slow.timer`, `${UNIT}-slow.service`)).code).toBe(0);
    expect(await box.sleeps()).toEqual([]);
    expect(await box.property(`${UNIT}-slow.service`, "ActiveState")).toBe("inactive");
    const told = (await box.runs("slow")).map(({ outcome }) => outcome);
    expect(told.filter((outcome) => outcome !== "skipped")).toEqual(["stopped"]);
    expect(told).toContain("skipped");

    // The timer that was stopped by hand is drift; the next install starts it again.
    expect(await box.sched("diff")).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("stopped, then started"),
    });
    expect((await box.sched("install")).code).toBe(0);
    expect(await box.property(`${UNIT}-slow.timer`, "ActiveState")).toBe("active");

    expect((await box.sched("uninstall")).code).toBe(0);
    expect((await box.run("systemctl", "list-timers", "--all", "--no-legend")).stdout).toBe("");
    expect((await box.run("ls", "/etc/systemd/system")).stdout).toBe("");
  });
});
