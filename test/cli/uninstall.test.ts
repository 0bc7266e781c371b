import { mkdirSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";

const SECOND = 'name: second\npipelines: [{tap: third, target: redshift, cron: "0 * * * *"}]\n';

describe("uninstall", () => {
  test.each([["MAILTO=etl\n0 1 * * * backup\n"], ["# caf\xe9, and no newline"], [""], [undefined]])(
    "restores exactly the crontab from before the install: %j",
    async (before) => {
      const machine = fakeMachine({ crontab: before });
      await machine.run("install");
      expect(machine.crontab.text()).toContain("BEGIN pipelinewise-sched");
      const { code, out, err } = await machine.run("uninstall");
      expect({ code, out }).toMatchObject({
        code: 0,
        out: expect.stringContaining("-# BEGIN pipelinewise-sched pipelinewise"),
      });
      expect(err).toContain(
        "uninstalled pipelinewise from cron; its history and logs stay in ~/.pipelinewise/.sched\n",
      );
      // A user without a crontab, or with an empty one, has none afterwards.
      expect(machine.crontab.text()).toBe(before === "" ? undefined : before);
    },
  );

  test("removes the stored schedule, and keeps history, logs and the crontab as it was", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    mkdirSync(join(machine.configDir, ".sched/runs"));
    await machine.run("uninstall");
    const stored = machine.stored();
    expect(stored).toEqual(expect.arrayContaining(["backups/", "runs/", "schedules/"]));
    expect(stored.filter((path) => path.startsWith("schedules/"))).toEqual(["schedules/"]);
    expect(stored.filter((path) => path.endsWith(".crontab"))).toHaveLength(2);
  });

  test("without a crontab program, a schedule in the crontab stays stored, and --forget removes only that", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    const block = machine.crontab.text();
    const stored = machine.stored();
    machine.env["PATH"] = join(machine.home, "bin");
    expect(await machine.run("uninstall")).toMatchObject({
      code: 74,
      err: expect.stringContaining("there is no `crontab` program on the PATH"),
    });
    expect(machine.stored()).toEqual(stored);
    expect(machine.crontab.text()).toBe(block);
    expect(await machine.run("uninstall", "--forget")).toMatchObject({ code: 0 });
  });

  test("a host takes away its own part only; the stored schedule goes with the last host", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    const path = ".pipelinewise/.sched/schedules/pipelinewise";
    machine.put(".pipelinewise/.sched/schedules/pipelinewise.other.json", machine.text(`${path}.testhost.json`) ?? "");
    await machine.run("uninstall");
    expect([machine.text(`${path}.testhost.json`), machine.text(`${path}.json`)]).toEqual([
      undefined,
      expect.any(String),
    ]);
  });

  test("uninstall needs a file or a name if several schedules are installed", async () => {
    const machine = fakeMachine({ crontab: "a\n" });
    await machine.run("install");
    const one = machine.crontab.text();
    machine.put("second.yml", SECOND);
    await machine.run("install", "second.yml");
    expect(await machine.run("uninstall")).toMatchObject({
      code: 64,
      err: expect.stringMatching(/2 schedules are installed: .*pipelinewise \(~\/schedule\.yml\)/),
    });
    // An error in the file does not matter, because uninstall does not read it.
    machine.put("second.yml", "{{{");
    expect(await machine.run("uninstall", "second.yml")).toMatchObject({ code: 0 });
    expect(machine.crontab.text()).toBe(one);
    expect(await machine.run("uninstall", "--name", "pipelinewise")).toMatchObject({ code: 0 });
    expect(machine.crontab.text()).toBe("a\n");
  });

  test.each([
    [["uninstall"], "no schedule is installed here"],
    [["uninstall", "--name", "nix"], "no schedule nix is installed here"],
    [["uninstall", "other.yml"], "no schedule ~/other.yml is installed here"],
  ])("says what is not installed: %j", async (argv, message) => {
    expect(await fakeMachine({ crontab: "a\n" }).run(...argv)).toMatchObject({
      code: 66,
      err: expect.stringContaining(message),
    });
  });

  test("a file and a name at once are too much", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    expect((await machine.run("uninstall", "schedule.yml", "--name", "pipelinewise")).code).toBe(64);
  });

  test("finds the config directory by itself: the block says which it is", async () => {
    const machine = fakeMachine();
    mkdirSync(join(machine.home, "share"));
    await machine.run("install", "--config-dir", "share");
    expect(await machine.run("uninstall")).toMatchObject({ code: 0 });
    expect(machine.text("share/.sched/schedules/pipelinewise.json")).toBeUndefined();
    expect(machine.crontab.text()).toBeUndefined();
  });

  test("a config directory that is gone is said, and the crontab left alone", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    rmSync(machine.configDir, { recursive: true });
    expect(await machine.run("uninstall")).toMatchObject({
      code: 74,
      err: expect.stringContaining("no longer exists: ~/.pipelinewise"),
    });
    expect(machine.crontab.text()).toContain("BEGIN");
  });

  test.each([
    ["garbled", 1],
    ["too large to be read", 2 ** 30],
  ])("a stored schedule that is %s goes too", async (_, length) => {
    const machine = fakeMachine();
    await machine.run("install");
    const path = ".pipelinewise/.sched/schedules/pipelinewise.json";
    machine.put(path, "{");
    truncateSync(join(machine.home, path), length);
    expect(await machine.run("uninstall")).toMatchObject({ code: 0 });
    expect(machine.stored().filter((path) => path.startsWith("schedules/"))).toEqual(["schedules/"]);
  });

  test("a dry run shows the same and writes nothing", async () => {
    const machine = fakeMachine({ crontab: "a\n" });
    await machine.run("install");
    const [crontab, stored] = [machine.crontab.text(), machine.stored()];
    const dry = await machine.run("uninstall", "--dry-run");
    expect([dry.code, machine.crontab.text(), machine.stored()]).toEqual([0, crontab, stored]);
    expect((await machine.run("uninstall")).out).toBe(dry.out);
  });

  /** Two ways of naming the config directory of one command. */
  const NAMED = ["by the option", "by the environment"] as const;
  const runWith = (machine: ReturnType<typeof fakeMachine>, how: (typeof NAMED)[number], dir: string) => {
    if (how === "by the option") return (...argv: string[]) => machine.run(...argv, "--config-dir", dir);
    machine.env["PIPELINEWISE_CONFIG_DIRECTORY"] = dir;
    return machine.run;
  };

  test.each(NAMED)("a block of another config directory is not touched where this one is named %s", async (how) => {
    const machine = fakeMachine();
    mkdirSync(join(machine.home, "share"));
    await machine.run("install", "--compile-only");
    await machine.run("install", "--config-dir", "share");
    const crontab = machine.crontab.text();
    const run = runWith(machine, how, ".pipelinewise");
    expect(await run("uninstall")).toMatchObject({ code: 0, out: "" });
    expect(machine.crontab.text()).toBe(crontab);
    expect(machine.stored()).toEqual(["schedules/"]);
  });

  test.each(NAMED)("finds no schedule of another config directory where an empty one is named %s", async (how) => {
    const machine = fakeMachine();
    mkdirSync(join(machine.home, "share"));
    await machine.run("install");
    const crontab = machine.crontab.text();
    const run = runWith(machine, how, "share");
    for (const argv of [["uninstall"], ["uninstall", "schedule.yml"], ["diff", "--name", "pipelinewise"]]) {
      expect(await run(...argv)).toMatchObject({ code: 66, err: expect.stringContaining("--config-dir DIR") });
    }
    expect(machine.crontab.text()).toBe(crontab);
  });

  test("a config directory that the schedule file names goes before the environment's, as at install", async () => {
    const machine = fakeMachine();
    mkdirSync(join(machine.home, "share"));
    machine.put("second.yml", `pipelinewise: {config_dir: share}\n${SECOND}`);
    machine.env["PIPELINEWISE_CONFIG_DIRECTORY"] = machine.configDir;
    await machine.run("install", "second.yml");
    expect(await machine.run("uninstall", "second.yml")).toMatchObject({ code: 0 });
    expect(machine.crontab.text()).toBeUndefined();
  });
});
