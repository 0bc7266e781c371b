import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type FakeMachine, fakeMachine } from "../support/fake-machine.ts";
import { untilFile } from "../support/wait.ts";

const user = userInfo().username;

/** Two releases of a schedule. */
function installedReleases(machine: FakeMachine): void {
  for (const release of ["1", "2"]) {
    mkdirSync(join(machine.home, "releases", release), { recursive: true });
    const text = `airflow: {dags: ~/dags}\npipelines: [{tap: orders, target: redshift, cron: "${release} * * * *"}]\n`;
    machine.put(`releases/${release}/schedule.yml`, text);
  }
  lead(machine, "1");
}

/** Makes `current` lead to a release. */
function lead(machine: FakeMachine, release: string): void {
  rmSync(join(machine.home, "current"), { force: true });
  symlinkSync(`releases/${release}`, join(machine.home, "current"));
}

test.each(["cron", "systemd", "airflow"])(
  "a schedule is the same one by every path of its file, and after its file has moved: %s",
  async (on) => {
    const machine = fakeMachine({ env: { XDG_CONFIG_HOME: "", XDG_RUNTIME_DIR: "" } });
    mkdirSync(join(machine.home, "dags"));
    installedReleases(machine);
    const install = async (file: string) => (await machine.run("install", file, "--on", on)).code;
    expect(await install("releases/1/schedule.yml")).toBe(0);
    expect(await install("current/schedule.yml")).toBe(0);
    lead(machine, "2");
    expect(await install("releases/2/schedule.yml")).toBe(0);
    renameSync(join(machine.home, "releases/2"), join(machine.home, "releases/3"));
    expect(await install("releases/3/schedule.yml")).toBe(0);
    lead(machine, "3");
    expect(await machine.run("uninstall", "current/schedule.yml", "--on", on)).toMatchObject({ code: 0 });
  },
);

const STORED = ["schedules/", "schedules/pipelinewise.json", "schedules/pipelinewise.testhost.json"];

describe("install", () => {
  test("shows the diff, puts the block in, stores the schedule and says so", async () => {
    const machine = fakeMachine({ crontab: "MAILTO=etl\n0 1 * * * backup\n" });
    const { code, out, err } = await machine.run("install");
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
    expect(err).toContain("installed pipelinewise on cron: 2 pipelines, config directory ~/.pipelinewise\n");
    expect(err).toContain(
      `backup of the previous crontab: ~/.pipelinewise/.sched/backups/testhost-${user}/20261123T120000.000Z.crontab\n`,
    );
    expect(machine.crontab.text()?.replaceAll(machine.home, "~")).toMatchInlineSnapshot(`
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
    expect(machine.text(`.pipelinewise/.sched/backups/testhost-${user}/20261123T120000.000Z.crontab`)).toBe(
      "MAILTO=etl\n0 1 * * * backup\n",
    );
    expect(machine.stored()).toEqual(expect.arrayContaining(STORED));
    for (const file of STORED.slice(1)) {
      expect((statSync(join(machine.configDir, ".sched", file)).mode & 0o777).toString(8)).toBe("600");
    }
  });

  test("warns about a path that an update of Node removes", async () => {
    const { err } = await fakeMachine().run("install", "--node", "/opt/node-22.1.0/bin/node");
    expect(err).toContain("warning: the path of Node, /opt/node-22.1.0/bin/node, contains a version (node-22.1.0)");
    expect((await fakeMachine().run("install")).err).not.toContain("contains a version");
  });

  test("a Ctrl-C while the crontab is written ends the install when it is complete", async () => {
    const machine = fakeMachine({ crontab: "0 1 * * * backup\n", does: "waits" });
    const tab = machine.crontab.env["FAKE_CRONTAB"];
    const installing = machine.run("install");
    await untilFile(`${tab}.waits`);
    machine.crontab.signals.emit("SIGINT");
    writeFileSync(`${tab}.go`, "");
    const { code, err } = await installing;
    expect(code).toBe(130);
    expect(err).toContain("interrupted by SIGINT; the install is complete");
    expect(machine.crontab.text()).toContain("END pipelinewise-sched");
    expect((await machine.run("install")).err).toContain("nothing to change");
  });

  test("stores what the runs need: the stored schedule for all hosts, and the stored install of this one", async () => {
    const machine = fakeMachine({ env: { PIPELINEWISE_HOME: "/opt/pipelinewise" } });
    machine.put("bin/pipelinewise", "#!/bin/sh\necho '{run_tap,sync_tables}'\n");
    machine.put(
      "schedule.yml",
      `name: warehouse
pipelinewise: {command: [pipelinewise, --debug], env: {REGION: eu}, env_file: env}
pipelines: [{tap: orders, target: redshift, command: sync_tables, id: weekly, tables: [a.b, c.d], cron: "0 3 * * 0"}]
`,
    );
    expect(await machine.run("install")).toMatchObject({ code: 0 });
    const meaning = JSON.parse(machine.text(".pipelinewise/.sched/schedules/warehouse.json") ?? "");
    expect(meaning).toMatchObject({
      format: 1,
      name: "warehouse",
      source: { path: join(machine.home, "schedule.yml"), digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      configDir: machine.configDir,
      env: { REGION: "eu" },
      envFile: join(machine.home, "env"),
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
    expect(JSON.parse(machine.text(".pipelinewise/.sched/schedules/warehouse.testhost.json") ?? "")).toMatchObject({
      host: "testhost",
      user,
      installedAt: "2026-11-23T12:00:00.000Z",
      meaningDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      command: [join(machine.home, "bin/pipelinewise"), "--debug"],
      fastSync: "sync_tables",
      node: "/usr/bin/node",
      program: "/usr/local/bin/pipelinewise-sched",
      pipelinewiseHome: "/opt/pipelinewise",
      lines: [
        `0 3 * * 0 /usr/bin/node /usr/local/bin/pipelinewise-sched run --scheduled --config-dir ${machine.configDir} --schedule warehouse --tap orders --target redshift --command sync_tables --id weekly`,
      ],
    });
  });

  test("keeps the stored PIPELINEWISE_HOME if the environment has none, warns, and removes it if it is empty", async () => {
    const machine = fakeMachine({ env: { PIPELINEWISE_HOME: "/opt/pipelinewise" } });
    const stored = () => JSON.parse(machine.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "");
    expect((await machine.run("install")).err).not.toContain("PIPELINEWISE_HOME");
    delete machine.env["PIPELINEWISE_HOME"];
    const again = await machine.run("install");
    expect(again.err).toContain(
      "warning: PIPELINEWISE_HOME is not set, so the runs keep the one of the last install, /opt/pipelinewise;",
    );
    expect(again.err).toContain("nothing to change");
    expect(stored()).toMatchObject({ pipelinewiseHome: "/opt/pipelinewise" });
    machine.env["PIPELINEWISE_HOME"] = "/opt/other";
    await machine.run("install");
    expect(stored()).toMatchObject({ pipelinewiseHome: "/opt/other" });
    machine.env["PIPELINEWISE_HOME"] = "";
    await machine.run("install");
    expect(stored()).not.toHaveProperty("pipelinewiseHome");
  });

  test("stores the path of each program that a hook names without its directory", async () => {
    const machine = fakeMachine();
    machine.put(
      "schedule.yml",
      `defaults: {hooks: {before: [pipelinewise, status]}}
pipelines:
  - {tap: orders, target: redshift, cron: "@daily", hooks: {after: [/bin/sh, -c, exit]}}
  - {tap: stock, target: redshift, cron: "@daily"}
`,
    );
    expect(await machine.run("install")).toMatchObject({ code: 0 });
    expect(JSON.parse(machine.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "")).toMatchObject({
      hookPrograms: { pipelinewise: `${machine.home}/bin/pipelinewise` },
    });
  });

  test("a pipeline in another time zone gets candidate lines below a comment with its own times", async () => {
    const machine = fakeMachine();
    machine.put(
      "schedule.yml",
      'timezone: Asia/Kathmandu\npipelines: [{tap: orders, target: redshift, cron: "0 3 * * 1-5"}]\n',
    );
    const { code, out } = await machine.run("install");
    expect(code).toBe(0);
    expect(out).toMatch(
      /\+# 0 3 \* \* 1-5 Asia\/Kathmandu: at 03:00 on Monday to Friday; candidate line: the run checks whether it is due\n\+15 \*\/23,21 \* \* \* \/usr/,
    );
    expect((await machine.run("install")).err).toContain("nothing to change");
    const stored = JSON.parse(machine.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "");
    expect(stored).toMatchObject({ loose: ["redshift/orders/run_tap"], zones: { localtime: "ENOENT" } });
    expect(Object.keys(stored.zones.tables)).toEqual(["Asia/Kathmandu", "UTC"]);
  });

  test("a pipeline keeps the day its times began, until they change", async () => {
    const machine = fakeMachine();
    const since = () =>
      JSON.parse(machine.text(".pipelinewise/.sched/schedules/pipelinewise.json") ?? "").entries.map(
        (entry: { readonly since: string }) => entry.since.slice(17, 19),
      );
    await machine.run("install");
    machine.put("schedule.yml", (machine.text("schedule.yml") ?? "").replace("*/5 * * * *", "*/6 * * * *"));
    await machine.run("install");
    expect(since()).toEqual(["01", "00"]);
  });

  test("warns that the runs cannot read the env_file, and installs", async () => {
    const machine = fakeMachine();
    machine.put("schedule.yml", `${machine.text("schedule.yml")}pipelinewise: {env_file: none.env}\n`);
    const { code, err } = await machine.run("install");
    expect([code, err]).toEqual([0, expect.stringContaining("every run would fail: cannot read env_file")]);
  });

  test("a second time has nothing to change and writes nothing", async () => {
    const machine = fakeMachine({ crontab: "a\n" });
    await machine.run("install");
    const [crontab, stored] = [machine.crontab.text(), machine.stored()];
    machine.crontab.calls();
    const again = await machine.run("install");
    expect(again).toMatchObject({ code: 0, out: "" });
    expect(again.err).toContain("nothing to change: pipelinewise on cron is up to date with schedule.yml\n");
    expect([machine.crontab.text(), machine.stored(), machine.crontab.calls()]).toEqual([
      crontab,
      stored,
      ["-l", "-l", "-V"],
    ]);
  });

  test("a dry run shows the same diff and writes nothing at all, not even a directory", async () => {
    const machine = fakeMachine({ crontab: "a\n" });
    const dry = await machine.run("install", "--dry-run");
    expect(dry.err).toContain("dry run: nothing was written\n");
    const { text, calls } = machine.crontab;
    expect([dry.code, text(), machine.stored(), calls()]).toEqual([
      0,
      "a\n",
      [],
      ["-l", "-l", "-V", "-V", expect.stringMatching(/^-n /)],
    ]);
    expect((await machine.run("install")).out).toBe(dry.out);
  });

  test("a change that cron does not see is stored, and the crontab stays as it is", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    const crontab = machine.crontab.text();
    machine.put("schedule.yml", `# a remark\n${machine.text("schedule.yml")}`);
    const { out } = await machine.run("install");
    expect(out).toBe("stored schedule:\n  ~ schedule file changed, but not its meaning\n");
    expect(machine.crontab.text()).toBe(crontab);
  });

  test("names the cron here, and is refused where that cannot take the lines", async () => {
    const machine = fakeMachine({ crontab: "CRON_TZ=Asia/Tokyo\n", does: "cronie" });
    expect(await machine.run("install")).toMatchObject({
      code: 74,
      err: expect.stringContaining("line 1 of the crontab sets CRON_TZ=Asia/Tokyo, and cronie 1.7.2 would apply"),
    });
    expect([machine.crontab.text(), machine.stored()]).toEqual(["CRON_TZ=Asia/Tokyo\n", []]);
    const other = fakeMachine({ does: "cronie" });
    expect((await other.run("install")).err).toContain("cron on this machine: cronie 1.7.2\n");
  });

  test("keeps the crontab of this install, and restores it, although a clock was ahead before", async () => {
    const machine = fakeMachine({ crontab: "0 1 * * * old\n" });
    await machine.run("install");
    const [directory = ""] = machine.stored().filter((path) => /^backups\/.+\/$/.test(path));
    for (let day = 10; day < 30; day++) {
      const path = `.pipelinewise/.sched/${directory}203001${day}T000000.000Z.crontab`;
      machine.put(path, "0 1 * * * ahead\n");
      chmodSync(join(machine.home, path), 0o600);
    }
    const precious = machine.crontab.text()?.replace("old", "precious") ?? "";
    writeFileSync(machine.crontab.env["FAKE_CRONTAB"] ?? "", precious);
    machine.put("schedule.yml", 'pipelines: [{tap: orders, target: redshift, cron: "7 * * * *"}]\n');
    await machine.run("install");
    expect((await machine.run("install", "--restore", "--yes")).code).toBe(0);
    expect(machine.crontab.text()).toBe(precious);
    expect(machine.stored().filter((path) => path.endsWith(".crontab"))).toHaveLength(20);
  });

  test("keeps the newest twenty crontabs", async () => {
    const machine = fakeMachine();
    for (let minute = 0; minute < 23; minute++) {
      machine.put("schedule.yml", `pipelines: [{tap: orders, target: redshift, cron: "${minute} * * * *"}]\n`);
      await machine.run("install");
    }
    const kept = readdirSync(join(machine.configDir, ".sched", "backups", `testhost-${user}`)).sort();
    const crontabs = kept.filter((name) => name.endsWith(".crontab"));
    expect(kept).toHaveLength(3 * crontabs.length);
    expect([crontabs.length, crontabs[0], crontabs.at(-1)]).toEqual([
      20,
      "20261123T120003.000Z.crontab",
      "20261123T120022.000Z.crontab",
    ]);
  });

  test("--compile-only stores the schedule and needs no crontab program", async () => {
    const machine = fakeMachine({ env: { PATH: "/nowhere" } });
    machine.put(
      "schedule.yml",
      'pipelinewise: {command: /bin/true}\npipelines: [{tap: orders, target: redshift, cron: "0 * * * *"}]\n',
    );
    const { code, err } = await machine.run("install", "--compile-only");
    expect([code, err]).toEqual([0, "stored pipelinewise: 1 pipeline, config directory ~/.pipelinewise\n"]);
    expect(machine.stored()).toEqual(STORED);
    expect(machine.crontab.calls()).toEqual([]);
    expect(await machine.run("diff", "--compile-only")).toMatchObject({ code: 0, out: "" });
    expect(await machine.run("uninstall")).toMatchObject({ code: 0, out: "" });
    expect(machine.stored()).toEqual(["schedules/"]);
  });

  test("--compile-only is refused where the crontab has the schedule already", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    expect(await machine.run("install", "--compile-only")).toMatchObject({
      code: 74,
      err: expect.stringContaining("the schedule pipelinewise is already in this machine's crontab"),
    });
  });

  test("names the config directory in the lines where a run under cron would look elsewhere", async () => {
    const machine = fakeMachine({ crontab: "" });
    await machine.run("install");
    // The test's home is not the one that the system has for this user, so cron would look elsewhere.
    expect(machine.crontab.text()).toContain(`--config-dir ${machine.configDir} `);
  });

  test("a config directory that is a link to a share is known by the share's name", async () => {
    const machine = fakeMachine();
    mkdirSync(join(machine.home, "share"));
    symlinkSync(join(machine.home, "share"), join(machine.home, "link"));
    await machine.run("install", "--config-dir", "link");
    expect(machine.crontab.text()).toContain(`config-dir="${machine.home}/share"`);
    expect(existsSync(join(machine.home, "share/.sched/schedules/pipelinewise.json"))).toBe(true);
  });
});

test.each([
  ["garbled", 1],
  ["too large to be read", 2 ** 30],
])("install replaces stored files that are %s", async (_, length) => {
  const machine = fakeMachine();
  await machine.run("install");
  const stored = machine.stored().filter((path) => /^schedules\/.*json$/.test(path));
  const texts = () => stored.map((path) => JSON.parse(machine.text(`.pipelinewise/.sched/${path}`) ?? "").name);
  const before = texts();
  expect(before.length).toBe(2);
  for (const path of stored) {
    machine.put(`.pipelinewise/.sched/${path}`, "{");
    truncateSync(join(machine.configDir, ".sched", path), length);
  }
  expect(await machine.run("install")).toMatchObject({ code: 0 });
  expect(texts()).toEqual(before);
});

describe("install warns", () => {
  test("of a tap that PipelineWise has disabled", async () => {
    const machine = fakeMachine();
    const taps = [{ id: "orders", enabled: false }, { id: "stock" }];
    machine.put(".pipelinewise/config.json", JSON.stringify({ targets: [{ id: "redshift", taps }] }));
    const { code, err } = await machine.run("install");
    expect(code).toBe(0);
    expect(err).toContain(
      "schedule.yml:2:11  warning: pipelines[0].tap: the tap is disabled in ~/.pipelinewise/config.json, so its runs will be skipped\n",
    );
  });

  test("of a config.json that does not exist", async () => {
    const machine = fakeMachine();
    rmSync(join(machine.configDir, "config.json"));
    expect((await machine.run("install")).err).toContain(
      "warning: taps and targets could not be checked: ~/.pipelinewise/config.json does not exist\n",
    );
  });

  test("of a config directory that its group may write", async () => {
    const machine = fakeMachine();
    chmodSync(machine.configDir, 0o775);
    expect((await machine.run("install", "--dry-run")).err).toContain(
      "warning: ~/.pipelinewise can be written by others (mode 775)",
    );
  });

  test("of another stored schedule that it cannot read", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    machine.put(".pipelinewise/.sched/schedules/garbled.json", "{");
    chmodSync(join(machine.configDir, ".sched/schedules/garbled.json"), 0o600);
    machine.put("schedule.yml", `# changed\n${machine.text("schedule.yml")}`);
    expect(await machine.run("install")).toMatchObject({
      code: 0,
      err: expect.stringContaining("garbled.json is not a stored schedule"),
    });
  });
});

describe("install refuses, and writes nothing:", () => {
  const OTHER = 'name: NAME\npipelines: [{tap: TAP, target: redshift, cron: "0 * * * *"}]\n';
  const other = (name: string, tap: string): string => OTHER.replace("NAME", name).replace("TAP", tap);

  test("a name that another file has installed, unless it is taken over", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    machine.put("other.yml", other("pipelinewise", "orders"));
    const before = [machine.crontab.text(), machine.stored()];
    expect(await machine.run("install", "other.yml")).toMatchObject({
      code: 65,
      out: "",
      err: expect.stringContaining(
        "schedule name pipelinewise is already installed in this config directory from another schedule file, ~/schedule.yml (here: ~/other.yml)",
      ),
    });
    expect(await machine.run("validate", "other.yml")).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /warning: name: schedule name pipelinewise is already installed .*\n.* `install --replace`/,
      ),
    });
    expect([machine.crontab.text(), machine.stored()]).toEqual(before);
    expect(await machine.run("install", "other.yml", "--replace")).toMatchObject({ code: 0 });
    expect(machine.crontab.text()).toContain(`source="${machine.home}/other.yml"`);
    expect(machine.crontab.text()).not.toContain("stock");
  });

  test("a name that another file has stored for a host that shares the config directory", async () => {
    const machine = fakeMachine();
    machine.put("other.yml", other("pipelinewise", "orders"));
    await machine.run("install", "--compile-only");
    expect(await machine.run("install", "other.yml")).toMatchObject({
      code: 65,
      err: expect.stringContaining("is already installed in this config directory"),
    });
  });

  test("a name that the crontab has for another config directory, unless it is taken over", async () => {
    const machine = fakeMachine();
    mkdirSync(join(machine.home, "second"));
    await machine.run("install");
    expect(await machine.run("install", "--config-dir", "second")).toMatchObject({
      code: 65,
      err: expect.stringContaining("from another config directory, ~/.pipelinewise (here: ~/second)"),
    });
    const taken = await machine.run("install", "--config-dir", "second", "--replace");
    expect(taken).toMatchObject({
      code: 0,
      err: expect.stringContaining(
        "stays stored there until `uninstall --name pipelinewise --config-dir ~/.pipelinewise`",
      ),
    });
    expect(await machine.run("uninstall", "--config-dir", ".pipelinewise")).toMatchObject({ code: 0, out: "" });
    expect(machine.crontab.text()).toContain(`config-dir="${machine.home}/second"`);
  });

  test("a pipeline that another installed schedule has", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    machine.put("other.yml", other("second", "stock"));
    expect(await machine.run("install", "other.yml")).toMatchObject({
      code: 65,
      err: expect.stringMatching(
        /other\.yml:2:\d+ {2}pipelines\[0\]: stock → redshift is also in the installed schedule pipelinewise \(~\/schedule\.yml\)\n.*uninstall --name pipelinewise/,
      ),
    });
    expect(await machine.run("validate", "other.yml")).toMatchObject({
      code: 65,
      out: expect.stringContaining("stock → redshift is also in the installed schedule pipelinewise"),
    });
    machine.put("other.yml", other("second", "third"));
    expect(await machine.run("install", "other.yml")).toMatchObject({ code: 0 });
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
    const machine = fakeMachine({ crontab });
    expect(await machine.run("install")).toMatchObject({ code: 74, out: "", err: expect.stringContaining(message) });
    expect([machine.crontab.text(), machine.stored()]).toEqual([crontab, []]);
  });

  test.each([
    ["denied", "You (etl) are not allowed to use this program (crontab)"],
    ["broken", "Input/output error"],
    ["refuses", "this machine's cron rejects the new crontab"],
  ])("where crontab does not let us: %s", async (does, message) => {
    const machine = fakeMachine({ crontab: "a\n", does });
    expect(await machine.run("install")).toMatchObject({ code: 74, err: expect.stringContaining(message) });
    expect([machine.crontab.text(), machine.stored()]).toEqual(["a\n", []]);
  });

  test("a name that is installed from a file that is still there, although a link now leads to another one", async () => {
    const machine = fakeMachine();
    installedReleases(machine);
    expect(await machine.run("install", "releases/1/schedule.yml")).toMatchObject({ code: 0 });
    lead(machine, "2");
    expect(await machine.run("install", "current/schedule.yml")).toMatchObject({
      code: 65,
      err: expect.stringContaining(
        "from another schedule file, ~/releases/1/schedule.yml (here: ~/current/schedule.yml)",
      ),
    });
  });

  test.each(["no-write", "half"])(
    "the stored schedule is put back when the crontab does not get the block: %s",
    async (does) => {
      const machine = fakeMachine({ crontab: "0 1 * * * backup\n", does });
      await machine.run("install", "--compile-only");
      const files = STORED.slice(1).map((file) => machine.text(`.pipelinewise/.sched/${file}`));
      machine.put("schedule.yml", 'pipelines: [{tap: orders, target: redshift, cron: "7 * * * *"}]\n');
      const { code, err } = await machine.run("install");
      expect(code).toBe(74);
      const [backup = ""] = machine.stored().filter((path) => path.endsWith(".crontab"));
      expect(err).toContain(`crontab ~/.pipelinewise/.sched/${backup}`);
      expect(machine.text(`.pipelinewise/.sched/${backup}`)).toBe("0 1 * * * backup\n");
      expect(STORED.slice(1).map((file) => machine.text(`.pipelinewise/.sched/${file}`))).toEqual(files);
      expect(machine.stored().filter((path) => path.startsWith("schedules/"))).toEqual(STORED);
    },
  );

  test("a message of the crontab program among the lines", async () => {
    const machine = fakeMachine({ crontab: "0 1 * * * backup\n", does: "warns" });
    const { code, err } = await machine.run("install");
    expect(code).toBe(74);
    expect(err).toContain(
      'line 1 of the crontab is not an entry, a setting or a comment: "crontab: warning: the spool is nearly full"',
    );
    expect(machine.crontab.text()).toBe("0 1 * * * backup\n");
    expect(machine.stored()).toEqual([]);
  });

  test("a command that is not on the PATH, which is shown", async () => {
    const machine = fakeMachine();
    rmSync(join(machine.home, "bin", "pipelinewise"));
    const { code, err } = await machine.run("install");
    expect(code).toBe(65);
    expect(err).toMatch(/the command "pipelinewise" was not found; searched PATH: ~\/bin:.*\/usr\/bin/);
    expect(machine.stored()).toEqual([]);
  });

  test.each([
    ["missing", "the config directory ~/missing does not exist"],
    ["file", "the config directory ~/file is not a directory"],
    ["my conf", 'the path of the config directory, "~/my conf", is not safe in a crontab line'],
  ])("a config directory that cannot be used: %s", async (name, message) => {
    const machine = fakeMachine();
    mkdirSync(join(machine.home, "my conf"));
    machine.put("file", "");
    const { code, err } = await machine.run("install", "--config-dir", name);
    expect(err).toContain(message);
    expect([65, 74]).toContain(code);
    expect(machine.crontab.text()).toBeUndefined();
  });

  test("links inside .sched", async () => {
    const machine = fakeMachine();
    mkdirSync(join(machine.home, "elsewhere"));
    mkdirSync(join(machine.configDir, ".sched"), { mode: 0o700 });
    symlinkSync(join(machine.home, "elsewhere"), join(machine.configDir, ".sched", "schedules"));
    expect(await machine.run("install")).toMatchObject({
      code: 74,
      err: expect.stringContaining("links are refused inside .sched"),
    });
    expect(readdirSync(join(machine.home, "elsewhere"))).toEqual([]);
    expect(machine.crontab.text()).toBeUndefined();
  });

  test("without HOME, naming what to set", async () => {
    const machine = fakeMachine({ env: { HOME: "" } });
    expect(await machine.run("install")).toMatchObject({ code: 64, err: expect.stringContaining("HOME is not set") });
  });
});

describe("install --restore", () => {
  test("puts the newest kept crontab back, and keeps the present one first", async () => {
    const machine = fakeMachine({ crontab: "a\n" });
    await machine.run("install");
    const installed = machine.crontab.text();
    const back = await machine.run("install", "--restore", "--yes");
    expect(back).toMatchObject({ code: 0, out: expect.stringContaining("-# BEGIN pipelinewise-sched pipelinewise") });
    expect(machine.crontab.text()).toBe("a\n");
    await machine.run("install", "--restore", "--yes");
    expect(machine.crontab.text()).toBe(installed);
  });

  test("restores the stored schedule that belongs to the crontab, so that its lines are due again", async () => {
    const machine = fakeMachine();
    const file = (minute: number): string =>
      `pipelines: [{tap: orders, target: redshift, cron: "${minute} * * * *"}, {tap: stock, target: redshift, cron: "5 * * * *"}]\n`;
    const stored = (): { entries: { crons: string[]; since: string }[] } =>
      JSON.parse(readFileSync(join(machine.configDir, ".sched/schedules/pipelinewise.json"), "utf8"));
    machine.put("schedule.yml", file(7));
    await machine.run("install");
    const [, same] = stored().entries;
    machine.put("schedule.yml", file(9));
    await machine.run("install");
    const back = await machine.run("install", "--restore", "--yes");
    expect(back).toMatchObject({
      code: 0,
      err: expect.stringContaining("the stored schedule pipelinewise is restored with the crontab\n"),
    });
    expect(machine.crontab.text()).toContain("7 * * * *");
    expect(stored().entries[0]?.crons).toEqual(["7 * * * *"]);
    expect(stored().entries[1]).toEqual(same);
    machine.put("schedule.yml", file(7));
    expect(await machine.run("diff")).toMatchObject({ code: 0 });
    expect((await machine.run("validate")).err).not.toContain("differs");
  });

  test.each([
    {
      what: "a stored schedule",
      path: /^schedules\/pipelinewise\.json$/,
      hint: "Run `install` with the schedule file, which replaces this file. Then restore the backup.",
    },
    {
      what: "a stored install",
      path: /^schedules\/pipelinewise\..+\.json$/,
      hint: "Run `install` with the schedule file, which replaces this file. Then restore the backup.",
    },
    {
      what: "a stored schedule in the backup",
      path: /^backups\/.*\.pipelinewise\.json$/,
      hint: "Choose another backup, or run `install` with the schedule file.",
    },
    {
      what: "a crontab in the backup",
      path: /^backups\/.*000Z\.crontab$/,
      hint: "Choose another backup, or run `install` with the schedule file.",
    },
  ])("changes nothing if $what is too large to be read, and says what to do", async ({ path, hint }) => {
    const machine = fakeMachine();
    await machine.run("install");
    machine.put("schedule.yml", 'pipelines: [{tap: orders, target: redshift, cron: "7 * * * *"}]\n');
    await machine.run("install");
    const root = join(machine.configDir, ".sched");
    const large = machine.stored().findLast((one) => path.test(one)) ?? "";
    truncateSync(join(root, large), 2 ** 30);
    const files = () => machine.stored().map((one) => [one, statSync(join(root, one)).mtimeMs]);
    const before = [machine.crontab.text(), files()];
    expect(await machine.run("install", "--restore", "--yes")).toEqual({
      code: 74,
      out: "",
      err: `pipelinewise-sched: ~/.pipelinewise/.sched/${large} is larger than 16 MiB, so it is not read\n  ${hint}\n`,
    });
    expect([machine.crontab.text(), files()]).toEqual(before);
  });

  test("keeps the stored schedule if the crontab cannot be restored", async () => {
    const machine = fakeMachine({ crontab: "a\n" });
    await machine.run("install");
    machine.put("schedule.yml", 'pipelines: [{tap: orders, target: redshift, cron: "7 * * * *"}]\n');
    await machine.run("install");
    const before = readFileSync(join(machine.configDir, ".sched/schedules/pipelinewise.json"), "utf8");
    const real = resolve("test/support/fake-crontab/crontab");
    machine.put("bin/crontab", `#!/bin/sh\ncase $1 in -?) exec ${real} "$@" ;; esac\necho denied >&2\nexit 1\n`);
    chmodSync(join(machine.home, "bin/crontab"), 0o755);
    expect(await machine.run("install", "--restore", "--yes")).toMatchObject({ code: 74 });
    expect(readFileSync(join(machine.configDir, ".sched/schedules/pipelinewise.json"), "utf8")).toBe(before);
  });

  test("replaces a crontab with an edited marker", async () => {
    const machine = fakeMachine({ crontab: "a\n" });
    await machine.run("install");
    writeFileSync(machine.crontab.env["FAKE_CRONTAB"] ?? "", "# END pipelinewise-sched edited by hand\n");
    expect(await machine.run("install", "--restore", "--yes")).toMatchObject({ code: 0 });
    expect(machine.crontab.text()).toBe("a\n");
  });

  test("restores only the crontab from a backup of an older version, and says so", async () => {
    const machine = fakeMachine();
    await machine.run("install");
    machine.put("schedule.yml", 'pipelines: [{tap: orders, target: redshift, cron: "7 * * * *"}]\n');
    await machine.run("install");
    for (const path of machine.stored().filter((one) => /^backups\/.+\.json$/.test(one)))
      rmSync(join(machine.configDir, ".sched", path));
    expect(await machine.run("install", "--restore", "--yes")).toMatchObject({
      code: 0,
      err: expect.stringContaining("the backup does not contain the stored schedule pipelinewise"),
    });
  });

  test("takes one by its name or its path, bytes and all", async () => {
    const machine = fakeMachine({ crontab: "caf\xe9\n" });
    await machine.run("install");
    const name = "20261123T120000.000Z.crontab";
    for (const named of [name, `.pipelinewise/.sched/backups/testhost-${user}/${name}`]) {
      expect(await machine.run("install", "--restore", named, "--yes")).toMatchObject({ code: 0 });
      expect(machine.crontab.text()).toBe("caf\xe9\n");
      expect((await machine.run("install", "--restore", named, "--yes")).err).toContain("nothing to change");
    }
  });

  test("shows the diff and wants --yes where nobody can be asked; a dry run wants nothing", async () => {
    const machine = fakeMachine({ crontab: "a\n" });
    await machine.run("install");
    const installed = machine.crontab.text();
    const asked = await machine.run("install", "--restore");
    expect(asked).toMatchObject({ code: 64, err: expect.stringContaining("add --yes") });
    const dry = await machine.run("install", "--restore", "--dry-run");
    expect(dry).toMatchObject({ code: 0, out: asked.out });
    expect(machine.crontab.text()).toBe(installed);
  });

  test("refuses another host's, another file and one that does not exist", async () => {
    const machine = fakeMachine({ crontab: "a\n" });
    await machine.run("install");
    const theirs = join(machine.configDir, ".sched/backups", `other-${user}`);
    mkdirSync(theirs);
    writeFileSync(join(theirs, "20261123T120000.000Z.crontab"), "");
    machine.put("mine", "");
    for (const [named, message] of [
      [join(theirs, "20261123T120000.000Z.crontab"), "is not a backup of"],
      ["./mine", "is not a backup of"],
      ["20250101T000000.000Z.crontab", "there is no backup 20250101T000000.000Z.crontab"],
    ] as const) {
      expect(await machine.run("install", "--restore", named, "--yes")).toMatchObject({
        code: 74,
        err: expect.stringContaining(message),
      });
    }
    expect(machine.crontab.text()).toContain("BEGIN");
  });

  test("says so when nothing is kept", async () => {
    expect(await fakeMachine().run("install", "--restore")).toMatchObject({
      code: 74,
      err: expect.stringContaining("there is no backup of"),
    });
  });

  test.each([[["install", "schedule.yml", "--restore"]], [["install", "--restore", "x", "--replace"]]])(
    "is a command of its own: %j",
    async (argv) => {
      expect((await fakeMachine().run(...argv)).code).toBe(64);
    },
  );
});
