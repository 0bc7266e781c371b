import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { waitFor } from "../rig/wait.ts";
import { bootSystemd, cannotBoot } from "./world.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");
/** The slow pipeline leaves a child in a session of its own, where no signal to its group goes. */
const PIPELINEWISE = `#!/bin/sh
case "$*" in
  *slow*) setsid sleep 1001 & sleep 1002 & wait ;;
esac
echo "ran $*"
`;
const UNIT = "pipelinewise-warehouse-redshift";

/** A booted machine with two pipelines that are due every minute. */
async function machine() {
  const world = await bootSystemd();
  const configDir = join(world.folder, "config dir 50%");
  mkdirSync(configDir);
  const command = join(world.folder, "pipelinewise");
  writeFileSync(command, PIPELINEWISE, { mode: 0o755 });
  const file = join(world.folder, "schedule.yml");
  const pipelines = ["quick", "slow"].map((tap) => `  - {tap: ${tap}, target: redshift, cron: "* * * * *"}\n`);
  writeFileSync(
    file,
    `name: warehouse\npipelinewise: {command: [${command}], config_dir: ${JSON.stringify(configDir)}}\npipelines:\n${pipelines.join("")}`,
  );
  const sched = async (...words: readonly string[]) => world.run(process.execPath, PROGRAM, ...words);
  return {
    ...world,
    sched: (command: string) => sched(command, file, "--on", "systemd"),
    runs: async (tap: string) => {
      const { stdout } = await sched("history", "--tap", tap, "--config-dir", configDir, "--json");
      const { runs } = JSON.parse(stdout) as { runs: readonly Record<"outcome" | "slot" | "startedAt", string>[] };
      return runs;
    },
    sleeps: async () =>
      (await world.run("sh", "-c", "cat /proc/[0-9]*/cmdline")).stdout
        .split("\0")
        .filter((word) => /^100[12]$/.test(word)),
    property: async (unit: string, name: string) =>
      (await world.run("systemctl", "show", `--property=${name}`, "--value", unit)).stdout.trim(),
  };
}

describe("systemd: a real manager", () => {
  test("starts what install has put there, in its minute; stop reaches the whole tree; uninstall leaves nothing", async (context) => {
    const lacking = cannotBoot();
    if (lacking !== undefined) return context.skip(lacking);
    const box = await machine();
    const install = await box.sched("install");
    expect(install).toMatchObject({ code: 0, stderr: expect.stringContaining("installed warehouse on systemd") });
    expect(await box.sched("diff")).toMatchObject({ code: 0, stdout: "systemd: 4 unchanged\n" });

    const [run] = await waitFor("a run by the timer", 90_000, async () => {
      const runs = await box.runs("quick");
      return runs.length > 0 ? runs : undefined;
    });
    expect(run?.outcome).toBe("succeeded");
    expect(run?.slot.slice(0, 16)).toBe(run?.startedAt.slice(0, 16));
    expect(box.log()).toContain("ran run_tap --tap quick --target redshift");

    // A second start of the minute, if no new one has begun: it is no failure, and the journal says it.
    await waitFor("a skip", 20_000, async () => {
      expect((await box.run("systemctl", "start", `${UNIT}-quick.service`)).code).toBe(0);
      return box.log().includes("skipped (slot-done): quick → redshift was already started for") ? true : undefined;
    });

    await waitFor("the slow pipeline at work", 90_000, async () =>
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
