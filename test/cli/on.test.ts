import { describe, expect, test } from "vitest";
import { installWorld } from "../support/install-world.ts";

const THERE = ["--node", "/usr/bin/node", "--program", "/opt/p/bin/p.cjs", "--config-dir", "/srv/pw"];

describe("--on", () => {
  test.each(["validate", "export", "diff", "install", "uninstall"])(
    "%s takes no scheduler that is unknown",
    async (command) => {
      expect(await installWorld().run(command, "--on", "sytemd", ...(command === "export" ? THERE : []))).toMatchObject(
        {
          code: 64,
          out: "",
          err: expect.stringContaining('--on: unknown scheduler "sytemd"; did you mean systemd?\n  Use one of cron, '),
        },
      );
    },
  );

  test("cron is what is meant where nothing is said", async () => {
    const world = installWorld();
    expect((await world.run("install", "--on", "cron")).code).toBe(0);
    expect(await world.run("diff")).toMatchObject({ code: 0, out: "" });
    expect((await world.run("uninstall", "--on", "cron")).code).toBe(0);
  });

  test.each([
    [["install", "--compile-only"], "--compile-only and --on systemd exclude each other"],
    [["diff", "--compile-only"], "--compile-only and --on systemd exclude each other"],
    [["install", "--restore"], "--restore and --on systemd exclude each other"],
  ])("%j go with cron only", async (words, message) => {
    const world = installWorld();
    expect(await world.run(...words, "--on", "systemd")).toMatchObject({
      code: 64,
      err: expect.stringContaining(message),
    });
    expect(world.stored()).toEqual([]);
  });
});

describe("what a scheduler cannot keep", () => {
  test("is an error of validate, with its place, in JSON too", async () => {
    const world = installWorld();
    expect(await world.run("validate")).toMatchObject({ code: 0 });
    const { code, out, err } = await world.run("validate", "--on", "cronicle");
    expect([code, err]).toEqual([65, ""]);
    expect(out).toContain("schedule.yml:1:1  the schedule has no `cronicle` settings\n");
    const json = await world.run("validate", "--on", "cronicle", "--json");
    expect([json.code, JSON.parse(json.out).problems]).toEqual([
      65,
      [expect.objectContaining({ severity: "error", path: "", line: 1 })],
    ]);
  });

  test.each([["install"], ["diff"], ["export", ...THERE]])("keeps %s from writing anything", async (...words) => {
    const world = installWorld();
    expect(await world.run(...words, "--on", "cronicle")).toMatchObject({
      code: 65,
      out: "",
      err: expect.stringContaining("schedule.yml is not valid: 1 error\n"),
    });
    expect(world.stored()).toEqual([]);
  });
});

describe("export --on", () => {
  test("prints several files each below its name", async () => {
    const { code, out, err } = await installWorld().run("export", "--on", "systemd", ...THERE);
    expect([code, err]).toEqual([0, ""]);
    const names = [...out.matchAll(/^# (pipelinewise-\S+)\n# pipelinewise-sched \{"schedule":"pipelinewise"/gm)];
    expect(names.map(([, name]) => name)).toEqual([
      "pipelinewise-pipelinewise-redshift-orders.service",
      "pipelinewise-pipelinewise-redshift-orders.timer",
      "pipelinewise-pipelinewise-redshift-stock.service",
      "pipelinewise-pipelinewise-redshift-stock.timer",
    ]);
    expect(out).toContain("pipelinewise-sched install --compile-only FILE");
  });

  test("writes them into a folder, and says each", async () => {
    const world = installWorld();
    const { out, err } = await world.run("export", "--on", "systemd", ...THERE, "--output", "units");
    expect([out, err.split("\n")[0]]).toEqual(["", "wrote ~/units/pipelinewise-pipelinewise-redshift-orders.service"]);
    expect(world.text("units/pipelinewise-pipelinewise-redshift-stock.timer")).toContain(
      "OnCalendar=Mon..Fri *-*-* 03:00:00\nOnCalendar=Sat *-*-* 09:00:00\n",
    );
  });

  test("needs the config directory: the scheduler may not know the user's home", async () => {
    expect(await installWorld().run("export", "--on", "systemd", ...THERE.slice(0, 4))).toMatchObject({
      code: 64,
      err: expect.stringContaining("--on systemd needs the config directory"),
    });
  });
});
