import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { installWorld } from "../support/install-world.ts";

const user = userInfo().username;
const STORED = ["schedules/", "schedules/pipelinewise.json", "schedules/pipelinewise.testhost.json"];

describe("install", () => {
  test("shows the diff, puts the block in, stores the schedule and says so", async () => {
    const world = installWorld({ crontab: "MAILTO=etl\n0 1 * * * backup\n" });
    const { code, out, err } = await world.run("install");
    expect({ code, out: out.replaceAll(user, "USER") }).toMatchInlineSnapshot(`
      {
        "code": 0,
        "out": "--- crontab of USER, now
      +++ crontab of USER, then
      @@ -1,2 +1,9 @@
       MAILTO=etl
       0 1 * * * backup
      +# BEGIN pipelinewise-sched pipelinewise source="~/schedule.yml" config-dir="~/.pipelinewise"
      +# Sync every 5 minutes
      +*/5 * * * * /usr/bin/node /usr/local/bin/pipelinewise-sched run --scheduled --config-dir ~/.pipelinewise --tap orders --target redshift
      +# 0 3 * * 1-5: at 03:00 on Monday to Friday
      +0 3 * * 1,2,3,4,5 /usr/bin/node /usr/local/bin/pipelinewise-sched run --scheduled --config-dir ~/.pipelinewise --tap stock --target redshift
      +0 9 * * 6 /usr/bin/node /usr/local/bin/pipelinewise-sched run --scheduled --config-dir ~/.pipelinewise --tap stock --target redshift
      +# END pipelinewise-sched pipelinewise
      stored schedule:
        + orders → redshift
        + stock → redshift
        + installed on testhost
      ",
      }
    `);
    expect(err).toContain("installed pipelinewise: 2 pipelines, config directory ~/.pipelinewise\n");
    expect(err).toContain(
      `backup of the previous crontab: ~/.pipelinewise/.sched/backups/testhost-${user}/20261123T120000.000Z.crontab\n`,
    );
    expect(world.crontab.text()?.replaceAll(world.home, "~")).toMatchInlineSnapshot(`
      "MAILTO=etl
      0 1 * * * backup
      # BEGIN pipelinewise-sched pipelinewise source="~/schedule.yml" config-dir="~/.pipelinewise"
      # Sync every 5 minutes
      */5 * * * * /usr/bin/node /usr/local/bin/pipelinewise-sched run --scheduled --config-dir ~/.pipelinewise --tap orders --target redshift
      # 0 3 * * 1-5: at 03:00 on Monday to Friday
      0 3 * * 1,2,3,4,5 /usr/bin/node /usr/local/bin/pipelinewise-sched run --scheduled --config-dir ~/.pipelinewise --tap stock --target redshift
      0 9 * * 6 /usr/bin/node /usr/local/bin/pipelinewise-sched run --scheduled --config-dir ~/.pipelinewise --tap stock --target redshift
      # END pipelinewise-sched pipelinewise
      "
    `);
    expect(world.text(`.pipelinewise/.sched/backups/testhost-${user}/20261123T120000.000Z.crontab`)).toBe(
      "MAILTO=etl\n0 1 * * * backup\n",
    );
    expect(world.stored()).toEqual(expect.arrayContaining(STORED));
    for (const file of STORED.slice(1)) {
      expect((statSync(join(world.configDir, ".sched", file)).mode & 0o777).toString(8)).toBe("600");
    }
  });

  test("stores what the runs need: the meaning for all hosts, and what this host resolved", async () => {
    const world = installWorld({ env: { PIPELINEWISE_HOME: "/opt/pipelinewise" } });
    world.put("bin/pipelinewise", "#!/bin/sh\necho '{run_tap,sync_tables}'\n");
    world.put(
      "schedule.yml",
      `name: warehouse
pipelinewise: {command: [pipelinewise, --debug], env: {REGION: eu}, env_file: env}
pipelines: [{tap: orders, target: redshift, command: sync_tables, id: weekly, tables: [a.b, c.d], cron: "0 3 * * 0"}]
`,
    );
    expect(await world.run("install")).toMatchObject({ code: 0 });
    const meaning = JSON.parse(world.text(".pipelinewise/.sched/schedules/warehouse.json") ?? "");
    expect(meaning).toMatchObject({
      format: 1,
      name: "warehouse",
      source: { path: join(world.home, "schedule.yml"), digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      configDir: world.configDir,
      env: { REGION: "eu" },
      envFile: join(world.home, "env"),
      entries: [
        {
          tap: "orders",
          target: "redshift",
          command: "sync_tables",
          id: "weekly",
          crons: ["0 3 * * 0"],
          args: ["--tables", "a.b,c.d"],
        },
      ],
    });
    expect(JSON.parse(world.text(".pipelinewise/.sched/schedules/warehouse.testhost.json") ?? "")).toMatchObject({
      host: "testhost",
      user,
      installedAt: "2026-11-23T12:00:00.000Z",
      meaningDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      command: [join(world.home, "bin/pipelinewise"), "--debug"],
      fastSync: "sync_tables",
      node: "/usr/bin/node",
      program: "/usr/local/bin/pipelinewise-sched",
      pipelinewiseHome: "/opt/pipelinewise",
      lines: [
        `0 3 * * 0 /usr/bin/node /usr/local/bin/pipelinewise-sched run --scheduled --config-dir ${world.configDir} --schedule warehouse --tap orders --target redshift --command sync_tables --id weekly`,
      ],
    });
  });

  test("a pipeline in another zone has candidate lines, shown with its own time in words", async () => {
    const world = installWorld();
    world.put(
      "schedule.yml",
      'timezone: Asia/Kathmandu\npipelines: [{tap: orders, target: redshift, cron: "0 3 * * 1-5"}]\n',
    );
    const { code, out } = await world.run("install");
    expect(code).toBe(0);
    expect(out).toMatch(
      /\+# 0 3 \* \* 1-5 Asia\/Kathmandu: at 03:00 on Monday to Friday; candidate line: the run checks whether it is due\n\+15 \*\/23,21 \* \* \* \/usr/,
    );
    expect((await world.run("install")).err).toContain("nothing to change");
    const stored = JSON.parse(world.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "");
    expect(stored).toMatchObject({ loose: ["redshift/orders/run_tap"], zones: { localtime: "ENOENT" } });
    expect(Object.keys(stored.zones.tables)).toEqual(["Asia/Kathmandu", "UTC"]);
  });

  test("a pipeline keeps the day its times began, until they change", async () => {
    const world = installWorld();
    const since = () =>
      JSON.parse(world.text(".pipelinewise/.sched/schedules/pipelinewise.json") ?? "").entries.map(
        (entry: { readonly since: string }) => entry.since.slice(17, 19),
      );
    await world.run("install");
    world.put("schedule.yml", (world.text("schedule.yml") ?? "").replace("*/5 * * * *", "*/6 * * * *"));
    await world.run("install");
    expect(since()).toEqual(["01", "00"]);
  });

  test("a second time has nothing to change and writes nothing", async () => {
    const world = installWorld({ crontab: "a\n" });
    await world.run("install");
    const [crontab, stored] = [world.crontab.text(), world.stored()];
    world.crontab.calls();
    const again = await world.run("install");
    expect(again).toMatchObject({ code: 0, out: "" });
    expect(again.err).toContain("nothing to change: pipelinewise is up to date with schedule.yml\n");
    expect([world.crontab.text(), world.stored(), world.crontab.calls()]).toEqual([crontab, stored, ["-l", "-V"]]);
  });

  test("a dry run shows the same diff and writes nothing at all, not even a folder", async () => {
    const world = installWorld({ crontab: "a\n" });
    const dry = await world.run("install", "--dry-run");
    expect(dry.err).toContain("dry run: nothing was written\n");
    const { text, calls } = world.crontab;
    expect([dry.code, text(), world.stored(), calls()]).toEqual([0, "a\n", [], ["-l", "-V"]]);
    expect((await world.run("install")).out).toBe(dry.out);
  });

  test("a change of words that cron does not see is stored, and the crontab left alone", async () => {
    const world = installWorld();
    await world.run("install");
    const crontab = world.crontab.text();
    world.put("schedule.yml", `# a remark\n${world.text("schedule.yml")}`);
    const { out } = await world.run("install");
    expect(out).toBe("stored schedule:\n  ~ schedule file changed, but not its meaning\n");
    expect(world.crontab.text()).toBe(crontab);
  });

  test("names the cron here, and is refused where that cannot take the lines", async () => {
    const world = installWorld({ crontab: "CRON_TZ=Asia/Tokyo\n", does: "cronie" });
    expect(await world.run("install")).toMatchObject({
      code: 74,
      err: expect.stringContaining("line 1 of the crontab sets CRON_TZ=Asia/Tokyo, and cronie 1.7.2 would apply"),
    });
    expect([world.crontab.text(), world.stored()]).toEqual(["CRON_TZ=Asia/Tokyo\n", []]);
    const other = installWorld({ does: "cronie" });
    expect((await other.run("install")).err).toContain("cron on this machine: cronie 1.7.2\n");
  });

  test("keeps the newest twenty crontabs", async () => {
    const world = installWorld();
    for (let minute = 0; minute < 23; minute++) {
      world.put("schedule.yml", `pipelines: [{tap: orders, target: redshift, cron: "${minute} * * * *"}]\n`);
      await world.run("install");
    }
    const kept = readdirSync(join(world.configDir, ".sched", "backups", `testhost-${user}`)).sort();
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([
      20,
      "20261123T120003.000Z.crontab",
      "20261123T120022.000Z.crontab",
    ]);
  });

  test("--compile-only stores the schedule and needs no crontab program", async () => {
    const world = installWorld({ env: { PATH: "/nowhere" } });
    world.put(
      "schedule.yml",
      'pipelinewise: {command: /bin/true}\npipelines: [{tap: orders, target: redshift, cron: "0 * * * *"}]\n',
    );
    const { code, err } = await world.run("install", "--compile-only");
    expect([code, err]).toEqual([0, "stored pipelinewise: 1 pipeline, config directory ~/.pipelinewise\n"]);
    expect(world.stored()).toEqual(STORED);
    expect(world.crontab.calls()).toEqual([]);
    expect(await world.run("diff", "--compile-only")).toMatchObject({ code: 0, out: "" });
    expect(await world.run("uninstall")).toMatchObject({ code: 0, out: "" });
    expect(world.stored()).toEqual(["schedules/"]);
  });

  test("--compile-only is refused where the crontab has the schedule already", async () => {
    const world = installWorld();
    await world.run("install");
    expect(await world.run("install", "--compile-only")).toMatchObject({
      code: 74,
      err: expect.stringContaining("the schedule pipelinewise is already in this machine's crontab"),
    });
  });

  test("names the config directory in the lines where a run under cron would look elsewhere", async () => {
    const world = installWorld({ crontab: "" });
    await world.run("install");
    // The test's home is not the one that the system has for this user, so cron would look elsewhere.
    expect(world.crontab.text()).toContain(`--config-dir ${world.configDir} `);
  });

  test("a config directory that is a link to a share is known by the share's name", async () => {
    const world = installWorld();
    mkdirSync(join(world.home, "share"));
    symlinkSync(join(world.home, "share"), join(world.home, "link"));
    await world.run("install", "--config-dir", "link");
    expect(world.crontab.text()).toContain(`config-dir="${world.home}/share"`);
    expect(existsSync(join(world.home, "share/.sched/schedules/pipelinewise.json"))).toBe(true);
  });
});

describe("install warns", () => {
  test("of what PipelineWise does not know or has disabled", async () => {
    const world = installWorld();
    world.put(
      ".pipelinewise/config.json",
      JSON.stringify({ targets: [{ id: "redshift", taps: [{ id: "orders", enabled: false }] }] }),
    );
    const { code, err } = await world.run("install");
    expect(code).toBe(0);
    expect(err).toContain(
      "warning: orders → redshift: the tap is disabled in ~/.pipelinewise/config.json, so its runs will be skipped\n",
    );
    expect(err).toContain(
      "warning: stock → redshift: ~/.pipelinewise/config.json does not contain the tap stock for the target redshift\n",
    );
  });

  test.each([
    ["[]", "it contains no list of targets"],
    [
      '{"targets": [null, 3, {"id": "redshift", "taps": 7}]}',
      "does not contain the tap orders for the target redshift",
    ],
    ["{", "`pipelinewise import` creates it"],
    ['{"targets": []}', "does not contain the target redshift"],
  ])("of a config.json that says %s", async (config, warning) => {
    const world = installWorld();
    world.put(".pipelinewise/config.json", config);
    expect(await world.run("install")).toMatchObject({ code: 0, err: expect.stringContaining(warning) });
  });

  test("of a config.json that does not exist", async () => {
    const world = installWorld();
    rmSync(join(world.configDir, "config.json"));
    expect((await world.run("install")).err).toContain(
      "warning: taps and targets could not be checked against ~/.pipelinewise/config.json: the file does not exist; `pipelinewise import` creates it\n",
    );
  });

  test("of a config directory that its group may write", async () => {
    const world = installWorld();
    chmodSync(world.configDir, 0o775);
    expect((await world.run("install", "--dry-run")).err).toContain(
      "warning: ~/.pipelinewise can be written by others (mode 775)",
    );
  });

  test("of another stored schedule that it cannot read", async () => {
    const world = installWorld();
    await world.run("install");
    world.put(".pipelinewise/.sched/schedules/garbled.json", "{");
    chmodSync(join(world.configDir, ".sched/schedules/garbled.json"), 0o600);
    world.put("schedule.yml", `# changed\n${world.text("schedule.yml")}`);
    expect(await world.run("install")).toMatchObject({
      code: 0,
      err: expect.stringContaining("garbled.json is not a stored schedule"),
    });
  });
});

describe("install refuses, and writes nothing:", () => {
  const OTHER = 'name: NAME\npipelines: [{tap: TAP, target: redshift, cron: "0 * * * *"}]\n';
  const other = (name: string, tap: string): string => OTHER.replace("NAME", name).replace("TAP", tap);

  test("a name that another file has installed, unless it is taken over", async () => {
    const world = installWorld();
    await world.run("install");
    world.put("other.yml", other("pipelinewise", "orders"));
    const before = [world.crontab.text(), world.stored()];
    expect(await world.run("install", "other.yml")).toMatchObject({
      code: 74,
      out: "",
      err: expect.stringContaining(
        "schedule name pipelinewise is already installed in the crontab from another schedule file, ~/schedule.yml (here: ~/other.yml)",
      ),
    });
    expect([world.crontab.text(), world.stored()]).toEqual(before);
    expect(await world.run("install", "other.yml", "--replace")).toMatchObject({ code: 0 });
    expect(world.crontab.text()).toContain(`source="${world.home}/other.yml"`);
    expect(world.crontab.text()).not.toContain("stock");
  });

  test("a name that another file has stored for a host that shares the config directory", async () => {
    const world = installWorld();
    world.put("other.yml", other("pipelinewise", "orders"));
    await world.run("install", "--compile-only");
    expect(await world.run("install", "other.yml")).toMatchObject({
      code: 74,
      err: expect.stringContaining("is already installed in this config directory"),
    });
  });

  test("a name that the crontab has for another config directory, unless it is taken over", async () => {
    const world = installWorld();
    mkdirSync(join(world.home, "second"));
    await world.run("install");
    expect(await world.run("install", "--config-dir", "second")).toMatchObject({
      code: 74,
      err: expect.stringContaining("from another config directory, ~/.pipelinewise (here: ~/second)"),
    });
    const taken = await world.run("install", "--config-dir", "second", "--replace");
    expect(taken).toMatchObject({
      code: 0,
      out: expect.stringContaining(
        "stays stored there until `uninstall --name pipelinewise --config-dir ~/.pipelinewise`",
      ),
    });
    expect(await world.run("uninstall", "--config-dir", ".pipelinewise")).toMatchObject({ code: 0, out: "" });
    expect(world.crontab.text()).toContain(`config-dir="${world.home}/second"`);
  });

  test("a pipeline that another installed schedule has", async () => {
    const world = installWorld();
    await world.run("install");
    world.put("other.yml", other("second", "stock"));
    expect(await world.run("install", "other.yml")).toMatchObject({
      code: 74,
      err: expect.stringMatching(
        /~\/other\.yml:2:\d+ {2}stock → redshift is also in the installed schedule pipelinewise \(~\/schedule\.yml\)\n.*uninstall --name pipelinewise/,
      ),
    });
    world.put("other.yml", other("second", "third"));
    expect(await world.run("install", "other.yml")).toMatchObject({ code: 0 });
  });

  test.each([
    [
      "a broken block",
      "a\n# END pipelinewise-sched pipelinewise\n",
      "line 2 of the crontab: the block pipelinewise ends here, but it did not begin",
    ],
    ["a carriage return", "a\r\n", "line 1 of the crontab ends in a carriage return"],
    ["a control byte", "a\x07\n", "line 1 of the crontab contains the control byte 0x07"],
  ])("a crontab with %s", async (_, crontab, message) => {
    const world = installWorld({ crontab });
    expect(await world.run("install")).toMatchObject({ code: 74, out: "", err: expect.stringContaining(message) });
    expect([world.crontab.text(), world.stored()]).toEqual([crontab, []]);
  });

  test.each([
    ["denied", "You (etl) are not allowed to use this program (crontab)"],
    ["broken", "Input/output error"],
    ["refuses", "this machine's cron rejects the new crontab"],
  ])("where crontab does not let us: %s", async (does, message) => {
    const world = installWorld({ crontab: "a\n", does });
    expect(await world.run("install")).toMatchObject({ code: 74, err: expect.stringContaining(message) });
    expect([world.crontab.text(), world.stored()]).toEqual(["a\n", []]);
  });

  test.each(["no-write", "mangles"])(
    "the stored schedule is put back when the crontab cannot be written: %s",
    async (does) => {
      const good = installWorld({ crontab: "a\n" });
      await good.run("install");
      const world = installWorld({ crontab: good.crontab.text(), does });
      await world.run("install", "--compile-only");
      const files = STORED.slice(1).map((file) => world.text(`.pipelinewise/.sched/${file}`));
      world.put("schedule.yml", 'pipelines: [{tap: orders, target: redshift, cron: "7 * * * *"}]\n');
      const crontab = world.crontab.text();
      expect(await world.run("install", "--replace")).toMatchObject({ code: 74 });
      expect(world.crontab.text()).toBe(crontab);
      expect(STORED.slice(1).map((file) => world.text(`.pipelinewise/.sched/${file}`))).toEqual(files);
      expect(world.stored().filter((path) => path.startsWith("schedules/"))).toEqual(STORED);
    },
  );

  test("a command that is not on the PATH, which is shown", async () => {
    const world = installWorld();
    rmSync(join(world.home, "bin", "pipelinewise"));
    const { code, err } = await world.run("install");
    expect(code).toBe(127);
    expect(err).toMatch(/the command "pipelinewise" was not found; searched PATH: ~\/bin:.*\/usr\/bin/);
    expect(world.stored()).toEqual([]);
  });

  test.each([
    ["missing", "the config directory ~/missing does not exist"],
    ["file", "the config directory ~/file is not a directory"],
    ["my conf", 'the path of the config directory, "~/my conf", is not safe in a crontab line'],
  ])("a config directory that is no good: %s", async (name, message) => {
    const world = installWorld();
    mkdirSync(join(world.home, "my conf"));
    world.put("file", "");
    const { code, err } = await world.run("install", "--config-dir", name);
    expect(err).toContain(message);
    expect([64, 74]).toContain(code);
    expect(world.crontab.text()).toBeUndefined();
  });

  test("links inside .sched", async () => {
    const world = installWorld();
    mkdirSync(join(world.home, "elsewhere"));
    mkdirSync(join(world.configDir, ".sched"), { mode: 0o700 });
    symlinkSync(join(world.home, "elsewhere"), join(world.configDir, ".sched", "schedules"));
    expect(await world.run("install")).toMatchObject({
      code: 74,
      err: expect.stringContaining("links are refused inside .sched"),
    });
    expect(readdirSync(join(world.home, "elsewhere"))).toEqual([]);
    expect(world.crontab.text()).toBeUndefined();
  });

  test("without HOME, naming what to set", async () => {
    const world = installWorld({ env: { HOME: "" } });
    expect(await world.run("install")).toMatchObject({ code: 64, err: expect.stringContaining("HOME is not set") });
  });
});

describe("install --restore", () => {
  test("puts the newest kept crontab back, and keeps the present one first", async () => {
    const world = installWorld({ crontab: "a\n" });
    await world.run("install");
    const installed = world.crontab.text();
    const back = await world.run("install", "--restore", "--yes");
    expect(back).toMatchObject({ code: 0, out: expect.stringContaining("-# BEGIN pipelinewise-sched pipelinewise") });
    expect(world.crontab.text()).toBe("a\n");
    await world.run("install", "--restore", "--yes");
    expect(world.crontab.text()).toBe(installed);
  });

  test("takes one by its name or its path, bytes and all", async () => {
    const world = installWorld({ crontab: "caf\xe9\n" });
    await world.run("install");
    const name = "20261123T120000.000Z.crontab";
    for (const named of [name, `.pipelinewise/.sched/backups/testhost-${user}/${name}`]) {
      expect(await world.run("install", "--restore", named, "--yes")).toMatchObject({ code: 0 });
      expect(world.crontab.text()).toBe("caf\xe9\n");
      expect((await world.run("install", "--restore", named, "--yes")).err).toContain("nothing to change");
    }
  });

  test("shows the diff and wants --yes where nobody can be asked; a dry run wants nothing", async () => {
    const world = installWorld({ crontab: "a\n" });
    await world.run("install");
    const installed = world.crontab.text();
    const asked = await world.run("install", "--restore");
    expect(asked).toMatchObject({ code: 64, err: expect.stringContaining("add --yes") });
    const dry = await world.run("install", "--restore", "--dry-run");
    expect(dry).toMatchObject({ code: 0, out: asked.out });
    expect(world.crontab.text()).toBe(installed);
  });

  test("refuses another host's, another file and one that does not exist", async () => {
    const world = installWorld({ crontab: "a\n" });
    await world.run("install");
    const theirs = join(world.configDir, ".sched/backups", `other-${user}`);
    mkdirSync(theirs);
    writeFileSync(join(theirs, "20261123T120000.000Z.crontab"), "");
    world.put("mine", "");
    for (const [named, message] of [
      [join(theirs, "20261123T120000.000Z.crontab"), "is not a backup of"],
      ["./mine", "is not a backup of"],
      ["20250101T000000.000Z.crontab", "there is no backup 20250101T000000.000Z.crontab"],
    ] as const) {
      expect(await world.run("install", "--restore", named, "--yes")).toMatchObject({
        code: 74,
        err: expect.stringContaining(message),
      });
    }
    expect(world.crontab.text()).toContain("BEGIN");
  });

  test("says so when nothing is kept", async () => {
    expect(await installWorld().run("install", "--restore")).toMatchObject({
      code: 74,
      err: expect.stringContaining("there is no backup of"),
    });
  });

  test.each([[["install", "schedule.yml", "--restore"]], [["install", "--restore", "x", "--replace"]]])(
    "is a command of its own: %j",
    async (argv) => {
      expect((await installWorld().run(...argv)).code).toBe(64);
    },
  );
});
