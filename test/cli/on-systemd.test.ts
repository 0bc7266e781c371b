import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { installWorld } from "../support/install-world.ts";

const isRoot = process.getuid?.() === 0;
const FOLDER = isRoot ? "etc/systemd/system" : ".config/systemd/user";
const ORDERS = "pipelinewise-pipelinewise-redshift-orders";
const STOCK = "pipelinewise-pipelinewise-redshift-stock";
const UNITS = [`${ORDERS}.service`, `${ORDERS}.timer`, `${STOCK}.service`, `${STOCK}.timer`];

/** A machine with a schedule of two pipelines, orders and stock. @param options.runs whether systemd does */
function machine({ runs = true, crontab }: { runs?: boolean; crontab?: string } = {}) {
  const world = installWorld({ crontab, env: { XDG_CONFIG_HOME: "", XDG_RUNTIME_DIR: "" } });
  const path = (...parts: string[]): string => join(world.home, ...parts);
  mkdirSync(path("systemd/up"), { recursive: true });
  const signs = ["run/systemd/system", `run/user/${process.getuid?.()}/systemd/private`];
  if (runs) for (const sign of signs) mkdirSync(path(sign), { recursive: true });
  copyFileSync("test/support/fake-systemctl", path("bin/systemctl"));
  return {
    ...world,
    path,
    units: () => (existsSync(path(FOLDER)) ? readdirSync(path(FOLDER)).sort() : []),
    up: () => readdirSync(path("systemd/up")).sort(),
    /** What systemctl was told since the last look. */
    told: () => {
      const file = path("systemd/calls");
      const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
      writeFileSync(file, "");
      return lines.map((line) => line.replace(/^--user /, "")).filter((line) => !line.startsWith("show"));
    },
    fail: (verb: string) => writeFileSync(path("systemd/fails"), verb),
    hostFile: () => JSON.parse(world.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "{}"),
  };
}

const ONE = 'pipelines: [{tap: orders, target: redshift, cron: "0 * * * *", note: Sync every 5 minutes}]\n';

describe("install --on systemd", () => {
  test("writes the units, starts the timers, stores what the runs need and where it was put", async () => {
    const world = machine();
    const { code, out, err } = await world.run("install", "--on", "systemd");
    expect({ code, out: out.replaceAll(/node .* --config/g, "node … --config") }).toMatchInlineSnapshot(`
      {
        "code": 0,
        "out": "systemd: 4 created
        + pipelinewise-pipelinewise-redshift-orders.service
            ExecStart=/usr/bin/node … --config-dir ~/.pipelinewise --tap orders --target redshift --tell-missed --output
        + pipelinewise-pipelinewise-redshift-orders.timer
            OnCalendar=*-*-* *:00/5:00
        + pipelinewise-pipelinewise-redshift-stock.service
            ExecStart=/usr/bin/node … --config-dir ~/.pipelinewise --tap stock --target redshift --tell-missed --output
        + pipelinewise-pipelinewise-redshift-stock.timer
            OnCalendar=Mon..Fri *-*-* 03:00:00
            OnCalendar=Sat *-*-* 09:00:00
      stored schedule:
        + orders → redshift
        + stock → redshift
        + installed on testhost
        + on systemd
      ",
      }
    `);
    expect(err).toContain("installed pipelinewise on systemd: 2 pipelines, config directory ~/.pipelinewise\n");
    expect([world.units(), world.up()]).toEqual([UNITS, [`${ORDERS}.timer`, `${STOCK}.timer`]]);
    expect(world.told()).toEqual(["daemon-reload", `enable --now ${ORDERS}.timer ${STOCK}.timer`]);
    expect(world.hostFile()).toMatchObject({
      lines: [],
      on: { systemd: { place: { scope: isRoot ? "system" : "user", folder: world.path(FOLDER) } } },
    });
    expect(world.crontab.calls()).toEqual([]);
  });

  test("a second time changes nothing, and diff says so", async () => {
    const world = machine();
    expect((await world.run("diff", "--on", "systemd")).code).toBe(1);
    expect([world.units(), world.stored()]).toEqual([[], []]);
    await world.run("install", "--on", "systemd");
    world.told();
    expect((await world.run("install", "--on", "systemd")).err).toContain(
      "nothing to change: pipelinewise on systemd is up to date with schedule.yml",
    );
    expect(world.told()).toEqual([]);
    expect(await world.run("diff", "--on", "systemd")).toMatchObject({ code: 0, out: "systemd: 4 unchanged\n" });
  });

  test("a dry run shows the same and writes nothing", async () => {
    const world = machine();
    const { out, err } = await world.run("install", "--on", "systemd", "--dry-run");
    expect(out).toMatch(/^systemd: 4 created\n/);
    expect(err).toContain("dry run: nothing was written");
    expect([world.units(), world.stored(), world.told()]).toEqual([[], [], []]);
  });

  test("what has changed is started anew, what is gone is stopped first and removed", async () => {
    const world = machine();
    await world.run("install", "--on", "systemd");
    world.told();
    world.put("schedule.yml", ONE);
    const { out } = await world.run("install", "--on", "systemd");
    expect(out).toContain("systemd: 1 changed, 1 unchanged, 2 removed\n");
    expect(out).toContain("      -OnCalendar=*-*-* *:00/5:00\n      +# 0 * * * *: every hour\n");
    expect(world.told()).toEqual([`disable --now ${STOCK}.timer`, "daemon-reload", `restart ${ORDERS}.timer`]);
    expect([world.units(), world.up()]).toEqual([UNITS.slice(0, 2), [`${ORDERS}.timer`]]);
  });

  test("what somebody has disabled or edited is shown, and made right", async () => {
    const world = machine();
    await world.run("install", "--on", "systemd");
    rmSync(world.path("systemd/up", `${STOCK}.timer`));
    const edited = world.text(`${FOLDER}/${ORDERS}.service`)?.replace("KillMode=mixed\n", "") ?? "";
    world.put(`${FOLDER}/${ORDERS}.service`, edited);
    const { code, out } = await world.run("diff", "--on", "systemd");
    expect(code).toBe(1);
    expect(out).toContain(`  ~ ${STOCK}.timer\n      disabled, then enabled\n      stopped, then started\n`);
    expect(out).toContain("      +KillMode=mixed\n");
    await world.run("install", "--on", "systemd");
    expect((await world.run("diff", "--on", "systemd")).code).toBe(0);
  });

  test("a unit that is not ours, or another schedule's, is never written over", async () => {
    const world = machine();
    mkdirSync(world.path(FOLDER), { recursive: true });
    world.put(`${FOLDER}/${STOCK}.timer`, "[Timer]\nOnCalendar=daily\n");
    expect(await world.run("install", "--on", "systemd", "--replace")).toMatchObject({
      code: 74,
      err: expect.stringContaining(`${STOCK}.timer was not written by pipelinewise-sched`),
    });
    expect([world.units(), world.stored()]).toEqual([[`${STOCK}.timer`], []]);
    rmSync(world.path(FOLDER, `${STOCK}.timer`));
    await world.run("install", "--on", "systemd");
    world.put("other.yml", world.text("schedule.yml") ?? "");
    expect(await world.run("install", "other.yml", "--on", "systemd")).toMatchObject({
      code: 74,
      err: expect.stringContaining("add --replace"),
    });
    expect((await world.run("install", "other.yml", "--on", "systemd", "--replace")).code).toBe(0);
  });

  test("times that systemd itself does not take are refused before anything is written", async () => {
    const world = machine();
    writeFileSync(world.path("bin/systemd-analyze"), "#!/bin/sh\necho 'Failed to parse calendar' >&2\nexit 1\n", {
      mode: 0o755,
    });
    expect(await world.run("install", "--on", "systemd")).toMatchObject({
      code: 74,
      err: expect.stringContaining("systemd rejects these times: Failed to parse calendar"),
    });
    expect([world.units(), world.stored()]).toEqual([[], []]);
  });

  test("where no systemd runs the files are written, and what is to be done is said", async () => {
    const world = machine({ runs: false });
    const { code, err } = await world.run("install", "--on", "systemd");
    expect([code, world.units(), world.told()]).toEqual([0, UNITS, []]);
    expect(err).toMatch(
      /systemd .*is(?: not)? running here.*; where it is running: cd \S+ && systemctl (--user )?daemon-reload && systemctl (--user )?enable --now pipelinewise-pipelinewise-\*\.timer\n/,
    );
    expect((await world.run("install", "--on", "systemd")).err).toContain("nothing to change");
  });
});

describe("an install that fails", () => {
  test("before anything was done puts the stored schedule back", async () => {
    const world = machine();
    await world.run("install", "--on", "systemd");
    const before = world.text(".pipelinewise/.sched/schedules/pipelinewise.json");
    world.put("schedule.yml", ONE);
    world.fail("disable");
    expect(await world.run("install", "--on", "systemd")).toMatchObject({
      code: 74,
      err: expect.stringContaining("systemctl disable --now … failed: Failed to disable: Access denied"),
    });
    expect([world.text(".pipelinewise/.sched/schedules/pipelinewise.json"), world.units()]).toEqual([before, UNITS]);
  });

  test("halfway says what was done and keeps what that needs; the next one finishes it", async () => {
    const world = machine();
    world.fail("enable");
    expect(await world.run("install", "--on", "systemd")).toMatchObject({
      code: 74,
      err: expect.stringContaining("the unit files were written, but systemctl enable --now … failed"),
    });
    expect(world.stored()).toContain("schedules/pipelinewise.json");
    expect((await world.run("diff", "--on", "systemd")).out).toContain("stopped, then started");
    world.fail("");
    expect((await world.run("install", "--on", "systemd")).code).toBe(0);
    expect(world.up()).toEqual([`${ORDERS}.timer`, `${STOCK}.timer`]);
  });
});

describe("uninstall --on systemd", () => {
  test("stops the timers, removes the units and what is stored; the schedule file is not needed", async () => {
    const world = machine();
    await world.run("install", "--on", "systemd");
    world.told();
    rmSync(world.path("schedule.yml"));
    const { code, out, err } = await world.run("uninstall", "--on", "systemd");
    expect(out).toBe(`systemd: 4 removed\n${UNITS.map((name) => `  - ${name}\n`).join("")}`);
    expect(err).toContain("uninstalled pipelinewise from systemd; its history and logs stay in ~/.pipelinewise/.sched");
    expect(world.told()).toEqual([`disable --now ${ORDERS}.timer ${STOCK}.timer`, "daemon-reload"]);
    expect([code, world.units(), world.stored().filter((file) => file.startsWith("schedules/"))]).toEqual([
      0,
      [],
      ["schedules/"],
    ]);
  });

  test("finds the config directory that the file names", async () => {
    const world = machine();
    mkdirSync(world.path("elsewhere"));
    world.put("schedule.yml", `pipelinewise: {config_dir: elsewhere}\n${ONE}`);
    expect((await world.run("install", "--on", "systemd")).code).toBe(0);
    expect((await world.run("uninstall", "--on", "systemd")).code).toBe(66);
    expect((await world.run("uninstall", "schedule.yml", "--on", "systemd")).code).toBe(0);
    expect(world.units()).toEqual([]);
  });

  test("leaves what is stored to cron, and to what --compile-only was for", async () => {
    const world = machine({ crontab: "" });
    await world.run("install");
    await world.run("install", "--on", "systemd");
    expect((await world.run("uninstall", "--on", "systemd")).err).toContain(
      "pipelinewise is still installed on cron\n",
    );
    expect(world.hostFile().on).toBeUndefined();
    expect((await world.run("diff")).code).toBe(0);

    const other = machine();
    await other.run("install", "--compile-only");
    await other.run("install", "--on", "systemd");
    await other.run("uninstall", "--on", "systemd");
    expect(other.stored()).toContain("schedules/pipelinewise.testhost.json");
    expect((await other.run("diff", "--compile-only")).code).toBe(0);
  });

  test("of a schedule that was never put there is refused, with where it is", async () => {
    const world = machine({ crontab: "" });
    await world.run("install");
    expect(await world.run("uninstall", "--on", "systemd")).toMatchObject({
      code: 66,
      err: expect.stringContaining(
        "was not installed on systemd from this host\n  From this host it is installed on cron.",
      ),
    });
  });

  test("that fails leaves what is stored as it is", async () => {
    const world = machine();
    await world.run("install", "--on", "systemd");
    world.fail("disable");
    expect((await world.run("uninstall", "--on", "systemd")).code).toBe(74);
    expect([world.units(), world.hostFile().on]).toMatchObject([UNITS, { systemd: {} }]);
  });

  test("--forget leaves what stands there, for a scheduler that is gone for good", async () => {
    const world = machine();
    await world.run("install", "--on", "systemd");
    world.fail("disable");
    world.told();
    const { code, err } = await world.run("uninstall", "--on", "systemd", "--forget");
    expect([code, world.told(), world.units()]).toEqual([0, [], UNITS]);
    expect(err).toContain("forgot pipelinewise on systemd; its history and logs stay");
    expect(err).toContain("systemd was not contacted; everything installed there was left in place\n");
    expect(world.stored().filter((file) => file.startsWith("schedules/"))).toEqual(["schedules/"]);
    expect((await world.run("uninstall", "--forget")).code).toBe(64);
  });
});

describe("cron and systemd beside each other", () => {
  test("the crontab's lines are left, and go on telling that they are older", async () => {
    const world = machine({ crontab: "0 1 * * * backup\n" });
    await world.run("install");
    const tab = world.crontab.text();
    await world.run("install", "--on", "systemd");
    expect((await world.run("status")).err).not.toMatch(/older|out of date/);
    world.put("schedule.yml", ONE);
    await world.run("install", "--on", "systemd");
    expect(world.crontab.text()).toBe(tab);
    expect((await world.run("status")).err).toContain("the crontab on host testhost is out of date");
    await world.run("install");
    expect((await world.run("status")).err).not.toMatch(/older|out of date/);
  });

  test("what systemd starts is told to be older when only cron was installed anew", async () => {
    const world = machine({ crontab: "" });
    await world.run("install", "--on", "systemd");
    world.put("schedule.yml", ONE);
    await world.run("install");
    expect((await world.run("status")).err).toContain(
      "systemd still starts an older version of schedule pipelinewise. Install it again: pipelinewise-sched install ~/schedule.yml --on systemd",
    );
  });

  test("uninstall takes the crontab's lines only; a second one names where the schedule still is", async () => {
    const world = machine({ crontab: "0 1 * * * backup\n" });
    await world.run("install");
    await world.run("install", "--on", "systemd");
    expect((await world.run("uninstall")).err).toContain("pipelinewise is still installed on systemd\n");
    expect(world.crontab.text()).toBe("0 1 * * * backup\n");
    expect((await world.run("diff", "--on", "systemd")).code).toBe(0);
    expect(await world.run("uninstall")).toMatchObject({
      code: 66,
      err: expect.stringContaining(
        "is not in the crontab; it is installed on systemd\n  Uninstall it there: uninstall --on systemd --name pipelinewise",
      ),
    });
    expect((await world.run("uninstall", "--on", "systemd")).code).toBe(0);
  });
});
