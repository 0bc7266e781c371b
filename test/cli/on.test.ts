import { describe, expect, test } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";

const THERE = ["--node", "/usr/bin/node", "--program", "/opt/p/bin/p.cjs", "--config-dir", "/srv/pw"];

describe("--on", () => {
  test.each(["validate", "export", "diff", "install", "uninstall"])(
    "%s takes no scheduler that is unknown",
    async (command) => {
      expect(await fakeMachine().run(command, "--on", "sytemd", ...(command === "export" ? THERE : []))).toMatchObject({
        code: 64,
        out: "",
        err: expect.stringContaining('--on: unknown scheduler "sytemd"; did you mean systemd?\n  Use one of cron, '),
      });
    },
  );

  test("cron is what is meant where nothing is said", async () => {
    const machine = fakeMachine();
    expect((await machine.run("install", "--on", "cron")).code).toBe(0);
    expect(await machine.run("diff")).toMatchObject({ code: 0, out: "" });
    expect((await machine.run("uninstall", "--on", "cron")).code).toBe(0);
  });

  test("a scheduler without backups refuses --restore", async () => {
    const machine = fakeMachine();
    expect(await machine.run("install", "--restore", "--on", "systemd")).toMatchObject({
      code: 64,
      err: expect.stringContaining("--restore and --on systemd exclude each other"),
    });
    expect(machine.stored()).toEqual([]);
  });

  test("--compile-only stores the schedule for any scheduler and leaves the scheduler alone", async () => {
    const machine = fakeMachine();
    const words = ["--compile-only", "--on", "systemd"];
    expect((await machine.run("diff", ...words)).code).toBe(1);
    expect(await machine.run("install", ...words)).toMatchObject({
      code: 0,
      err: expect.stringContaining("stored pipelinewise: 2 pipelines"),
    });
    expect(await machine.run("diff", ...words)).toMatchObject({ code: 0, out: "" });
    const stored = JSON.parse(machine.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "");
    expect(stored).toMatchObject({ compileOnly: true, lines: [] });
    expect(stored.on).toBeUndefined();
  });

  test.each(["cron", "systemd"])("%s gets the paths of --node and --program", async (on) => {
    const machine = fakeMachine();
    const { code, out } = await machine.run(
      ...["install", "--on", on, "--dry-run", "--node", "/opt/node", "--program", "/opt/sched"],
    );
    expect(code).toBe(0);
    expect(on === "cron" ? out : "").toContain(on === "cron" ? " /opt/node /opt/sched run " : "");
    expect(await machine.run("install", "--on", on, "--node", "node")).toMatchObject({
      code: 64,
      err: expect.stringContaining("--node node is not an absolute path"),
    });
  });
});

describe("what a scheduler cannot keep", () => {
  test("is an error of validate, with its place, in JSON too", async () => {
    const machine = fakeMachine();
    expect(await machine.run("validate")).toMatchObject({ code: 0 });
    const { code, out, err } = await machine.run("validate", "--on", "cronicle");
    expect([code, err]).toEqual([65, ""]);
    expect(out).toContain("schedule.yml:1:1  the schedule has no `cronicle` settings\n");
    const json = await machine.run("validate", "--on", "cronicle", "--json");
    expect([json.code, JSON.parse(json.out).problems]).toEqual([
      65,
      [expect.objectContaining({ severity: "error", path: "", line: 1 })],
    ]);
  });

  test.each([
    ["cannot be installed", "install"],
    ["cannot be installed", "diff"],
    ["is not valid", "export", ...THERE],
  ])("%s: keeps %s from writing anything", async (verdict, ...words) => {
    const machine = fakeMachine();
    expect(await machine.run(...words, "--on", "cronicle")).toMatchObject({
      code: 65,
      out: "",
      err: expect.stringContaining(`schedule.yml ${verdict}: 1 error\n`),
    });
    expect(machine.stored()).toEqual([]);
  });
});

describe("export --on", () => {
  test("prints several files each below its name", async () => {
    const { code, out, err } = await fakeMachine().run("export", "--on", "systemd", ...THERE);
    expect([code, err]).toEqual([0, ""]);
    const names = [...out.matchAll(/^# (pipelinewise-\S+)\n# pipelinewise-sched \{"schedule":"pipelinewise"/gm)];
    expect(names.map(([, name]) => name)).toEqual([
      "pipelinewise-redshift-orders.service",
      "pipelinewise-redshift-orders.timer",
      "pipelinewise-redshift-stock.service",
      "pipelinewise-redshift-stock.timer",
    ]);
    expect(out).toContain("pipelinewise-sched install --compile-only FILE");
  });

  test("writes them into a directory, and says each", async () => {
    const machine = fakeMachine();
    const { out, err } = await machine.run("export", "--on", "systemd", ...THERE, "--output", "units");
    expect([out, err.split("\n")[0]]).toEqual(["", "wrote ~/units/pipelinewise-redshift-orders.service"]);
    expect(machine.text("units/pipelinewise-redshift-stock.timer")).toContain(
      "OnCalendar=Mon..Fri *-*-* 03:00:00\nOnCalendar=Sat *-*-* 09:00:00\n",
    );
  });

  test("needs the config directory: the scheduler may not know the user's home", async () => {
    expect(await fakeMachine().run("export", "--on", "systemd", ...THERE.slice(0, 4))).toMatchObject({
      code: 64,
      err: expect.stringContaining("--on systemd needs the config directory"),
    });
  });
});
