import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { installWorld } from "../support/install-world.ts";

const SECOND = 'name: second\npipelines: [{tap: third, target: redshift, cron: "0 * * * *"}]\n';

describe("uninstall", () => {
  test.each([["MAILTO=etl\n0 1 * * * backup\n"], ["caf\xe9, and no newline"], [""], [undefined]])(
    "gives back exactly the crontab that was there before: %j",
    async (before) => {
      const world = installWorld({ crontab: before });
      await world.run("install");
      expect(world.crontab.text()).toContain("BEGIN pipelinewise-sched");
      const { code, out, err } = await world.run("uninstall");
      expect({ code, out }).toMatchObject({
        code: 0,
        out: expect.stringContaining("-# BEGIN pipelinewise-sched pipelinewise"),
      });
      expect(err).toContain("uninstalled pipelinewise; its history and logs stay in ~/.pipelinewise/.sched\n");
      // Who had no crontab, or an empty one, has none afterwards.
      expect(world.crontab.text()).toBe(before === "" ? undefined : before);
    },
  );

  test("removes the stored schedule, and keeps history, logs and the crontab as it was", async () => {
    const world = installWorld();
    await world.run("install");
    mkdirSync(join(world.configDir, ".sched/runs"));
    await world.run("uninstall");
    const stored = world.stored();
    expect(stored).toEqual(expect.arrayContaining(["backups/", "runs/", "schedules/"]));
    expect(stored.filter((path) => path.startsWith("schedules/"))).toEqual(["schedules/"]);
    expect(stored.filter((path) => path.endsWith(".crontab"))).toHaveLength(2);
  });

  test("a host takes away its own part only; the meaning goes with the last host", async () => {
    const world = installWorld();
    await world.run("install");
    const path = ".pipelinewise/.sched/schedules/pipelinewise";
    world.put(".pipelinewise/.sched/schedules/pipelinewise.other.json", world.text(`${path}.testhost.json`) ?? "");
    await world.run("uninstall");
    expect([world.text(`${path}.testhost.json`), world.text(`${path}.json`)]).toEqual([undefined, expect.any(String)]);
  });

  test("with several installed, wants to be told which: by its file or by its name", async () => {
    const world = installWorld({ crontab: "a\n" });
    await world.run("install");
    const one = world.crontab.text();
    world.put("second.yml", SECOND);
    await world.run("install", "second.yml");
    expect(await world.run("uninstall")).toMatchObject({
      code: 64,
      err: expect.stringMatching(/2 schedules are installed: .*pipelinewise \(~\/schedule\.yml\)/),
    });
    // A slip of the pen in the file is no obstacle: it is not read.
    world.put("second.yml", "{{{");
    expect(await world.run("uninstall", "second.yml")).toMatchObject({ code: 0 });
    expect(world.crontab.text()).toBe(one);
    expect(await world.run("uninstall", "--name", "pipelinewise")).toMatchObject({ code: 0 });
    expect(world.crontab.text()).toBe("a\n");
  });

  test.each([
    [["uninstall"], "no schedule is installed here"],
    [["uninstall", "--name", "nix"], "no schedule nix is installed here"],
    [["uninstall", "other.yml"], "no schedule ~/other.yml is installed here"],
  ])("says what is not installed: %j", async (argv, message) => {
    expect(await installWorld({ crontab: "a\n" }).run(...argv)).toMatchObject({
      code: 66,
      err: expect.stringContaining(message),
    });
  });

  test("a file and a name at once are too much", async () => {
    const world = installWorld();
    await world.run("install");
    expect((await world.run("uninstall", "schedule.yml", "--name", "pipelinewise")).code).toBe(64);
  });

  test("finds the config directory by itself: the block says which it is", async () => {
    const world = installWorld();
    mkdirSync(join(world.home, "share"));
    await world.run("install", "--config-dir", "share");
    expect(await world.run("uninstall")).toMatchObject({ code: 0 });
    expect(world.text("share/.sched/schedules/pipelinewise.json")).toBeUndefined();
    expect(world.crontab.text()).toBeUndefined();
  });

  test("a config directory that is gone is said, and the crontab left alone", async () => {
    const world = installWorld();
    await world.run("install");
    rmSync(world.configDir, { recursive: true });
    expect(await world.run("uninstall")).toMatchObject({
      code: 74,
      err: expect.stringContaining("no longer exists: ~/.pipelinewise"),
    });
    expect(world.crontab.text()).toContain("BEGIN");
  });

  test("a stored schedule that is garbled goes too", async () => {
    const world = installWorld();
    await world.run("install");
    world.put(".pipelinewise/.sched/schedules/pipelinewise.json", "{");
    expect(await world.run("uninstall")).toMatchObject({ code: 0 });
    expect(world.stored().filter((path) => path.startsWith("schedules/"))).toEqual(["schedules/"]);
  });

  test("a dry run shows the same and writes nothing", async () => {
    const world = installWorld({ crontab: "a\n" });
    await world.run("install");
    const [crontab, stored] = [world.crontab.text(), world.stored()];
    const dry = await world.run("uninstall", "--dry-run");
    expect([dry.code, world.crontab.text(), world.stored()]).toEqual([0, crontab, stored]);
    expect((await world.run("uninstall")).out).toBe(dry.out);
  });

  test("a block of another config directory is not touched where this one is named", async () => {
    const world = installWorld();
    mkdirSync(join(world.home, "share"));
    await world.run("install", "--compile-only");
    await world.run("install", "--config-dir", "share");
    const crontab = world.crontab.text();
    expect(await world.run("uninstall", "--config-dir", ".pipelinewise")).toMatchObject({ code: 0, out: "" });
    expect(world.crontab.text()).toBe(crontab);
    expect(world.stored()).toEqual(["schedules/"]);
  });
});
