import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FOLDER, isRoot, ORDERS, STOCK, systemdMachine, UNITS } from "../support/systemd-machine.ts";

const ONE = 'pipelines: [{tap: orders, target: redshift, cron: "0 * * * *", note: Sync every 5 minutes}]\n';

describe("install --on systemd", () => {
  test("writes the units, starts the timers, stores what the runs need and where it was put", async () => {
    const machine = systemdMachine();
    const { code, out, err } = await machine.run("install", "--on", "systemd");
    expect({ code, out: out.replaceAll(/node .* --config/g, "node … --config") }).toMatchInlineSnapshot(`
      {
        "code": 0,
        "out": "systemd: 4 created
        + pipelinewise-redshift-orders.service
            ExecStart=/usr/bin/node … --config-dir ~/.pipelinewise --tap orders --target redshift --record-missed --output
        + pipelinewise-redshift-orders.timer
            OnCalendar=*-*-* *:00/5:00
        + pipelinewise-redshift-stock.service
            ExecStart=/usr/bin/node … --config-dir ~/.pipelinewise --tap stock --target redshift --record-missed --output
        + pipelinewise-redshift-stock.timer
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
    expect([machine.units(), machine.up()]).toEqual([UNITS, [`${ORDERS}.timer`, `${STOCK}.timer`]]);
    expect(machine.told()).toEqual(["daemon-reload", `enable --now ${ORDERS}.timer ${STOCK}.timer`]);
    expect(machine.hostFile()).toMatchObject({
      lines: [],
      on: { systemd: { place: { scope: isRoot ? "system" : "user", folder: machine.path(FOLDER) } } },
    });
    expect(machine.crontab.calls()).toEqual([]);
  });

  test("a second time changes nothing, and diff says so", async () => {
    const machine = systemdMachine();
    expect((await machine.run("diff", "--on", "systemd")).code).toBe(1);
    expect([machine.units(), machine.stored()]).toEqual([[], []]);
    await machine.run("install", "--on", "systemd");
    machine.told();
    expect((await machine.run("install", "--on", "systemd")).err).toContain(
      "nothing to change: pipelinewise on systemd is up to date with schedule.yml",
    );
    expect(machine.told()).toEqual([]);
    expect(await machine.run("diff", "--on", "systemd")).toMatchObject({ code: 0, out: "systemd: 4 unchanged\n" });
  });

  test("a dry run shows the same and writes nothing", async () => {
    const machine = systemdMachine();
    const { out, err } = await machine.run("install", "--on", "systemd", "--dry-run");
    expect(out).toMatch(/^systemd: 4 created\n/);
    expect(err).toContain("dry run: nothing was written");
    expect([machine.units(), machine.stored(), machine.told()]).toEqual([[], [], []]);
  });

  test("install restarts changed timers, and stops and removes timers of removed entries", async () => {
    const machine = systemdMachine();
    await machine.run("install", "--on", "systemd");
    machine.told();
    machine.put("schedule.yml", ONE);
    const { out } = await machine.run("install", "--on", "systemd");
    expect(out).toContain("systemd: 1 changed, 1 unchanged, 2 removed\n");
    expect(out).toContain("      -OnCalendar=*-*-* *:00/5:00\n      +# 0 * * * *: every hour\n");
    expect(machine.told()).toEqual([`disable --now ${STOCK}.timer`, "daemon-reload", `restart ${ORDERS}.timer`]);
    expect([machine.units(), machine.up()]).toEqual([UNITS.slice(0, 2), [`${ORDERS}.timer`]]);
  });

  test("units with the names of earlier versions are replaced, and their drop-ins are named", async () => {
    const machine = systemdMachine();
    await machine.run("install", "--on", "systemd");
    const old = "pipelinewise-pipelinewise-redshift-orders";
    for (const suffix of ["service", "timer"])
      machine.put(`${FOLDER}/${old}.${suffix}`, machine.text(`${FOLDER}/${ORDERS}.${suffix}`) ?? "");
    mkdirSync(machine.path(FOLDER, `${old}.service.d`));
    writeFileSync(machine.path("systemd/up", `${old}.timer`), "");
    machine.told();
    const { code, out, err } = await machine.run("install", "--on", "systemd");
    expect(code).toBe(0);
    expect(out).toContain(`systemd: 4 unchanged, 2 removed\n  - ${old}.service\n  - ${old}.timer\n`);
    expect(err).toContain(`${old}.service.d has no effect without its unit: move its files`);
    expect(machine.told()).toEqual([`disable --now ${old}.timer`, "daemon-reload"]);
    expect(machine.up()).toEqual([`${ORDERS}.timer`, `${STOCK}.timer`]);
  });

  test("the user of systemd.user must exist and own the config directory, and only root may choose another user", async () => {
    const machine = systemdMachine();
    const withUser = (user: string) => machine.put("schedule.yml", `systemd: {user: ${user}}\n${ONE}`);
    withUser("no_such_user");
    expect(await machine.run("diff", "--on", "systemd")).toMatchObject({
      code: 74,
      err: expect.stringContaining(
        isRoot ? "systemd.user: this machine has no user no_such_user" : "only root can install units of another user",
      ),
    });
    if (!isRoot) return;
    withUser("nobody");
    expect(await machine.run("diff", "--on", "systemd")).toMatchObject({
      code: 74,
      err: expect.stringContaining("belongs to user 0, not to nobody"),
    });
    withUser("root");
    expect((await machine.run("install", "--on", "systemd")).code).toBe(0);
    expect(machine.text(`${FOLDER}/${ORDERS}.service`)).toContain("\nUser=root\n");
  });

  test("what somebody has disabled or edited is shown, and made right", async () => {
    const machine = systemdMachine();
    await machine.run("install", "--on", "systemd");
    rmSync(machine.path("systemd/up", `${STOCK}.timer`));
    const edited = machine.text(`${FOLDER}/${ORDERS}.service`)?.replace("KillMode=mixed\n", "") ?? "";
    machine.put(`${FOLDER}/${ORDERS}.service`, edited);
    const { code, out } = await machine.run("diff", "--on", "systemd");
    expect(code).toBe(1);
    expect(out).toContain(`  ~ ${STOCK}.timer\n      disabled, then enabled\n      stopped, then started\n`);
    expect(out).toContain("      +KillMode=mixed\n");
    await machine.run("install", "--on", "systemd");
    expect((await machine.run("diff", "--on", "systemd")).code).toBe(0);
  });

  test("a unit that is not ours, or another schedule's, is never written over", async () => {
    const machine = systemdMachine();
    mkdirSync(machine.path(FOLDER), { recursive: true });
    machine.put(`${FOLDER}/${STOCK}.timer`, "[Timer]\nOnCalendar=daily\n");
    expect(await machine.run("install", "--on", "systemd", "--replace")).toMatchObject({
      code: 74,
      err: expect.stringContaining(`${STOCK}.timer was not written by pipelinewise-sched`),
    });
    expect([machine.units(), machine.stored()]).toEqual([[`${STOCK}.timer`], []]);
    rmSync(machine.path(FOLDER, `${STOCK}.timer`));
    await machine.run("install", "--on", "systemd");
    machine.put("other.yml", machine.text("schedule.yml") ?? "");
    expect(await machine.run("install", "other.yml", "--on", "systemd")).toMatchObject({
      code: 65,
      err: expect.stringContaining("with `install --replace`"),
    });
    expect((await machine.run("install", "other.yml", "--on", "systemd", "--replace")).code).toBe(0);
  });

  test("times that systemd itself does not take are refused before anything is written", async () => {
    const machine = systemdMachine();
    writeFileSync(machine.path("bin/systemd-analyze"), "#!/bin/sh\necho 'Failed to parse calendar' >&2\nexit 1\n", {
      mode: 0o755,
    });
    expect(await machine.run("install", "--on", "systemd")).toMatchObject({
      code: 74,
      err: expect.stringContaining("systemd rejects these times: Failed to parse calendar"),
    });
    expect([machine.units(), machine.stored()]).toEqual([[], []]);
  });

  test("where no systemd runs the files are written, and what is to be done is said", async () => {
    const machine = systemdMachine({ runs: false });
    const { code, err } = await machine.run("install", "--on", "systemd");
    expect([code, machine.units(), machine.told()]).toEqual([0, UNITS, []]);
    expect(err).toMatch(
      /systemd .*is(?: not)? running here.*; where it is running: cd \S+ && systemctl (--user )?daemon-reload && systemctl (--user )?enable --now pipelinewise-redshift-orders\.timer pipelinewise-redshift-stock\.timer\n/,
    );
    expect((await machine.run("install", "--on", "systemd")).err).toContain("nothing to change");
  });
});

describe("an install that fails", () => {
  test("before anything was done puts the stored schedule back", async () => {
    const machine = systemdMachine();
    await machine.run("install", "--on", "systemd");
    const before = machine.text(".pipelinewise/.sched/schedules/pipelinewise.json");
    machine.put("schedule.yml", ONE);
    machine.fail("disable");
    expect(await machine.run("install", "--on", "systemd")).toMatchObject({
      code: 74,
      err: expect.stringContaining("systemctl disable --now … failed: Failed to disable: Access denied"),
    });
    expect([machine.text(".pipelinewise/.sched/schedules/pipelinewise.json"), machine.units()]).toEqual([
      before,
      UNITS,
    ]);
  });

  test("halfway says what was done and keeps what that needs; the next one finishes it", async () => {
    const machine = systemdMachine();
    machine.fail("enable");
    expect(await machine.run("install", "--on", "systemd")).toMatchObject({
      code: 74,
      err: expect.stringContaining("the unit files were written, but systemctl enable --now … failed"),
    });
    expect(machine.stored()).toContain("schedules/pipelinewise.json");
    expect((await machine.run("diff", "--on", "systemd")).out).toContain("stopped, then started");
    machine.fail("");
    expect((await machine.run("install", "--on", "systemd")).code).toBe(0);
    expect(machine.up()).toEqual([`${ORDERS}.timer`, `${STOCK}.timer`]);
  });
});

describe("uninstall --on systemd", () => {
  test("stops the timers, removes the units and what is stored; the schedule file is not needed", async () => {
    const machine = systemdMachine();
    await machine.run("install", "--on", "systemd");
    machine.told();
    rmSync(machine.path("schedule.yml"));
    const { code, out, err } = await machine.run("uninstall", "--on", "systemd");
    expect(out).toBe(`systemd: 4 removed\n${UNITS.map((name) => `  - ${name}\n`).join("")}`);
    expect(err).toContain("uninstalled pipelinewise from systemd; its history and logs stay in ~/.pipelinewise/.sched");
    expect(machine.told()).toEqual([`disable --now ${ORDERS}.timer ${STOCK}.timer`, "daemon-reload"]);
    expect([code, machine.units(), machine.stored().filter((file) => file.startsWith("schedules/"))]).toEqual([
      0,
      [],
      ["schedules/"],
    ]);
  });

  test("finds the config directory that the file names", async () => {
    const machine = systemdMachine();
    mkdirSync(machine.path("elsewhere"));
    machine.put("schedule.yml", `pipelinewise: {config_dir: elsewhere}\n${ONE}`);
    expect((await machine.run("install", "--on", "systemd")).code).toBe(0);
    expect((await machine.run("uninstall", "--on", "systemd")).code).toBe(66);
    expect((await machine.run("uninstall", "schedule.yml", "--on", "systemd")).code).toBe(0);
    expect(machine.units()).toEqual([]);
  });

  test("leaves what is stored to cron, and to what --compile-only was for", async () => {
    const machine = systemdMachine({ crontab: "" });
    await machine.run("install");
    await machine.run("install", "--on", "systemd");
    expect((await machine.run("uninstall", "--on", "systemd")).err).toContain(
      "pipelinewise is still installed on cron\n",
    );
    expect(machine.hostFile().on).toBeUndefined();
    expect((await machine.run("diff")).code).toBe(0);

    const other = systemdMachine();
    await other.run("install", "--compile-only");
    await other.run("install", "--on", "systemd");
    await other.run("uninstall", "--on", "systemd");
    expect(other.stored()).toContain("schedules/pipelinewise.testhost.json");
    expect((await other.run("diff", "--compile-only")).code).toBe(0);
  });

  test("of a schedule that was never put there is refused, with where it is", async () => {
    const machine = systemdMachine({ crontab: "" });
    await machine.run("install");
    expect(await machine.run("uninstall", "--on", "systemd")).toMatchObject({
      code: 66,
      err: expect.stringContaining(
        "was not installed on systemd from this host\n  From this host it is installed on cron: uninstall --on cron --name pipelinewise",
      ),
    });
  });

  test("that fails leaves what is stored as it is", async () => {
    const machine = systemdMachine();
    await machine.run("install", "--on", "systemd");
    machine.fail("disable");
    expect((await machine.run("uninstall", "--on", "systemd")).code).toBe(74);
    expect([machine.units(), machine.hostFile().on]).toMatchObject([UNITS, { systemd: {} }]);
  });

  test("--forget leaves the units in place and removes only the stored install", async () => {
    const machine = systemdMachine();
    await machine.run("install", "--on", "systemd");
    machine.fail("disable");
    machine.told();
    const { code, err } = await machine.run("uninstall", "--on", "systemd", "--forget");
    expect([code, machine.told(), machine.units()]).toEqual([0, [], UNITS]);
    expect(err).toContain("forgot pipelinewise on systemd; its history and logs stay");
    expect(err).toContain("systemd was not contacted; everything installed there was left in place\n");
    expect(machine.stored().filter((file) => file.startsWith("schedules/"))).toEqual(["schedules/"]);
    expect((await machine.run("uninstall", "--forget")).code).toBe(66);
  });
});

describe("cron and systemd beside each other", () => {
  test("the crontab's lines are left, and go on telling that they are older", async () => {
    const machine = systemdMachine({ crontab: "0 1 * * * backup\n" });
    await machine.run("install");
    const tab = machine.crontab.text();
    await machine.run("install", "--on", "systemd");
    expect((await machine.run("status")).err).not.toMatch(/older|out of date/);
    machine.put("schedule.yml", ONE);
    await machine.run("install", "--on", "systemd");
    expect(machine.crontab.text()).toBe(tab);
    expect((await machine.run("status")).err).toContain("the crontab on host testhost is out of date");
    await machine.run("install");
    expect((await machine.run("status")).err).not.toMatch(/older|out of date/);
  });

  test("status reports that systemd starts an older version if only cron was installed again", async () => {
    const machine = systemdMachine({ crontab: "" });
    await machine.run("install", "--on", "systemd");
    machine.put("schedule.yml", ONE);
    await machine.run("install");
    expect((await machine.run("status")).err).toContain(
      "systemd still starts an older version of schedule pipelinewise. Install it again: pipelinewise-sched install ~/schedule.yml --on systemd",
    );
  });

  test("uninstall takes the crontab's lines only; a second one names where the schedule still is", async () => {
    const machine = systemdMachine({ crontab: "0 1 * * * backup\n" });
    await machine.run("install");
    await machine.run("install", "--on", "systemd");
    expect((await machine.run("uninstall")).err).toContain("pipelinewise is still installed on systemd\n");
    expect(machine.crontab.text()).toBe("0 1 * * * backup\n");
    expect((await machine.run("diff", "--on", "systemd")).code).toBe(0);
    expect(await machine.run("uninstall")).toMatchObject({
      code: 66,
      err: expect.stringContaining(
        "was not installed on cron from this host\n  From this host it is installed on systemd: uninstall --on systemd --name pipelinewise",
      ),
    });
    expect((await machine.run("uninstall", "--on", "systemd")).code).toBe(0);
  });
});
