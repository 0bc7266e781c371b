import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type FakeMachine, fakeMachine } from "../../support/fake-machine.ts";

const FILE = "dags/pipelinewise_sched_pipelinewise.py";
const AIRFLOW = ["--on", "airflow"];

const schedule = (pipelines: readonly string[], head = "airflow: {dags: dags}\n"): string =>
  `${head}timezone: Europe/London\npipelines:\n${pipelines.map((one) => `  - ${one}\n`).join("")}`;

const ORDERS = `{tap: orders, target: redshift, cron: "*/5 * * * *", note: Sync every 5 minutes}`;
const STOCK = `{tap: stock, target: redshift, cron: "30 1 * * *"}`;

/** A machine with a DAGs folder, and a schedule that names it. */
function machine(pipelines: readonly string[] = [ORDERS, STOCK]): FakeMachine {
  const one = fakeMachine();
  mkdirSync(join(one.home, "dags"));
  one.put("schedule.yml", schedule(pipelines));
  return one;
}

/** A program `airflow` that says this. */
function withAirflow(one: FakeMachine, script: string): void {
  writeFileSync(join(one.home, "bin/airflow"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  one.put("schedule.yml", schedule([ORDERS], ""));
}

describe("install --on airflow", () => {
  test("writes one file that all may read, and nothing the second time", async () => {
    const one = machine();
    expect(await one.run("install", ...AIRFLOW)).toMatchObject({
      code: 0,
      out: expect.stringContaining(`Apache Airflow: 1 created\n  + DAG file ~/${FILE}\n      2 DAGs\n`),
      err: expect.stringContaining("Airflow finds a new file within 5 minutes"),
    });
    expect(readdirSync(join(one.home, "dags"))).toEqual(["pipelinewise_sched_pipelinewise.py"]);
    expect(statSync(join(one.home, FILE)).mode & 0o777).toBe(0o644);
    expect(one.crontab.text()).toBeUndefined();
    const before = one.text(FILE);
    expect(before).toContain(`--config-dir ${one.configDir}`);
    expect(await one.run("diff", ...AIRFLOW)).toMatchObject({ code: 0 });
    expect((await one.run("install", ...AIRFLOW)).err).toContain("nothing to change");
    expect(one.text(FILE)).toBe(before);
  });

  test("stores which entries Airflow starts more often than they are due", async () => {
    const one = machine([ORDERS.replace("}", ", timezone: UTC}"), STOCK]);
    await one.run("install", ...AIRFLOW);
    const stored = JSON.parse(one.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "");
    expect(stored).toMatchObject({
      loose: ["redshift/stock/run_tap"],
      on: { airflow: { place: { dags: join(one.home, "dags") } } },
    });
  });

  test("shows what changes as a diff, and what Airflow keeps of a DAG that goes", async () => {
    const one = machine();
    await one.run("install", ...AIRFLOW);
    one.put("schedule.yml", schedule([ORDERS.replace("*/5", "*/10")]));
    const diff = await one.run("diff", ...AIRFLOW);
    expect(diff.code).toBe(1);
    expect(diff.out).toContain(`      -            "*/5 * * * *",\n      +            "*/10 * * * *",\n`);
    const { code, err } = await one.run("install", ...AIRFLOW);
    expect(code).toBe(0);
    expect(err).toContain("By default, Airflow reads a changed file within 30 seconds");
    // 01:30 in London is several crons of UTC.
    const id = "pipelinewise.redshift.stock";
    expect(err).toContain(
      `To delete that too:\n  airflow dags delete -y ${id}  # Airflow 3\n  for n in 1 2 3; do airflow dags delete -y ${id}._$n; done  # Airflow 2\n`,
    );
  });

  test("what was changed by hand is shown, and put right", async () => {
    const one = machine();
    await one.run("install", ...AIRFLOW);
    const ours = one.text(FILE) ?? "";
    one.put(FILE, ours.replace("catchup=False", "catchup=True"));
    const diff = await one.run("diff", ...AIRFLOW);
    expect([diff.code, diff.out]).toEqual([1, expect.stringContaining("-            catchup=True,\n")]);
    await one.run("install", ...AIRFLOW);
    expect(one.text(FILE)).toBe(ours);
  });

  test("into another directory says that the old file stays", async () => {
    const one = machine();
    await one.run("install", ...AIRFLOW);
    mkdirSync(join(one.home, "dags2"));
    one.put("schedule.yml", schedule([ORDERS, STOCK], "airflow: {dags: dags2}\n"));
    const { code, out } = await one.run("install", ...AIRFLOW);
    expect([code, out]).toEqual([
      0,
      expect.stringContaining("~ airflow location changed (dags was ~/dags); the old installation is left in place\n"),
    ]);
    expect(one.text(FILE)).toBeDefined();
  });

  test("never writes over a file that is not ours, or a link", async () => {
    const one = machine();
    one.put(FILE, "# somebody's DAG\n");
    for (const words of [["install"], ["install", "--replace"], ["diff"]]) {
      expect(await one.run(...words, ...AIRFLOW)).toMatchObject({
        code: 74,
        err: expect.stringContaining(`~/${FILE} was not written by pipelinewise-sched`),
      });
    }
    expect(one.text(FILE)).toBe("# somebody's DAG\n");
    expect(one.stored()).toEqual([]);
    const other = machine();
    other.put("theirs.py", "");
    symlinkSync(join(other.home, "theirs.py"), join(other.home, FILE));
    expect(await other.run("install", ...AIRFLOW)).toMatchObject({ code: 74 });
  });

  test("takes a file of another schedule over only when told to", async () => {
    const one = machine();
    await one.run("install", ...AIRFLOW);
    one.put("other.yml", "");
    one.put(FILE, (one.text(FILE) ?? "").replace('schedule.yml"', 'other.yml"'));
    expect(await one.run("install", ...AIRFLOW)).toMatchObject({
      code: 74,
      err: expect.stringContaining(`~/${FILE} belongs to the schedule file other.yml (here: schedule.yml)\n`),
    });
    expect(await one.run("install", ...AIRFLOW, "--replace")).toMatchObject({ code: 0 });
    expect(one.text(FILE)).not.toContain("other.yml");
  });

  test("a pipeline whose id Airflow does not take is refused with its place", async () => {
    const tap = "t".repeat(120);
    const one = machine([`{tap: ${tap}, target: ${tap}, cron: "@daily"}`]);
    for (const word of ["validate", "install"]) {
      const { code, out, err } = await one.run(word, ...AIRFLOW);
      expect([code, out + err]).toEqual([
        65,
        expect.stringMatching(/schedule\.yml:4:5 {2}pipelines\[0\]: its DAG id would have 254 characters/),
      ]);
    }
    expect(existsSync(join(one.home, FILE))).toBe(false);
  });
});

test("an export into the same directory keeps the start date of each DAG", async () => {
  const one = machine();
  const words = ["--node", "/n", "--program", "/p", "--config-dir", "/srv/pw", "--output", "out"];
  const exported = async () => {
    expect(await one.run("export", ...AIRFLOW, ...words)).toMatchObject({ code: 0 });
    return one.text("out/pipelinewise_sched_pipelinewise.py");
  };
  const first = await exported();
  expect(await exported()).toBe(first);
  expect(readdirSync(join(one.home, "out"))).toHaveLength(1);
});

describe("the DAGs folder", () => {
  test("is asked of Airflow, whose last line counts", async () => {
    const one = fakeMachine();
    mkdirSync(join(one.home, "dags"));
    withAirflow(one, `echo noise; [ "$*" = "config get-value core dags_folder" ] && echo $HOME/dags`);
    expect(await one.run("install", ...AIRFLOW)).toMatchObject({ code: 0 });
    expect(existsSync(join(one.home, FILE))).toBe(true);
  });

  test.each([
    ["echo dags", '`airflow config get-value core dags_folder` printed "dags", which is not an absolute path'],
    ["echo broken >&2; exit 3", "`airflow config get-value core dags_folder` failed: broken"],
    ["echo $HOME/nowhere", "Airflow's DAGs folder ~/nowhere does not exist"],
  ])("an error names the setting if Airflow gives no usable answer (%s)", async (script, message) => {
    const one = fakeMachine();
    withAirflow(one, script);
    const { code, err } = await one.run("install", ...AIRFLOW);
    expect([code, err]).toEqual([74, expect.stringContaining(message)]);
    expect(err).toContain("`airflow: {dags: /PATH/OF/dags}`");
    expect(one.stored()).toEqual([]);
  });

  test("without an Airflow must be in the schedule file", async () => {
    const one = fakeMachine();
    one.put("schedule.yml", schedule([ORDERS], ""));
    const { code, err } = await one.run("install", ...AIRFLOW);
    expect([code, err]).toEqual([74, expect.stringContaining("there is no `airflow` on the PATH")]);
    expect(err).toContain("`airflow: {dags: /PATH/OF/dags}`");
  });

  test("may be missing, or no directory", async () => {
    const one = fakeMachine();
    one.put("schedule.yml", schedule([ORDERS]));
    expect((await one.run("install", ...AIRFLOW)).err).toContain("Airflow's DAGs folder ~/dags does not exist");
    one.put("dags", "");
    expect((await one.run("install", ...AIRFLOW)).err).toContain("Airflow's DAGs folder ~/dags is not a directory");
  });

  test("that cannot be written fails the install, and nothing is stored", async () => {
    const one = machine();
    // Not even root can create a file in sysfs.
    one.put("schedule.yml", schedule([ORDERS], "airflow: {dags: /sys/kernel}\n"));
    const { code, err } = await one.run("install", ...AIRFLOW);
    expect([code, err]).toEqual([74, expect.stringContaining("cannot write /sys/kernel/pipelinewise_sched_")]);
    expect(one.stored().filter((path) => path.endsWith(".json"))).toEqual([]);
  });
});

describe("uninstall --on airflow", () => {
  test("removes the file, and says what Airflow keeps", async () => {
    const one = machine();
    await one.run("install", ...AIRFLOW);
    const { code, out, err } = await one.run("uninstall", ...AIRFLOW);
    expect([code, out]).toEqual([0, expect.stringContaining(`Apache Airflow: 1 removed\n  - DAG file ~/${FILE}\n`)]);
    expect(err).toContain("  airflow dags delete -y pipelinewise.redshift.orders\n");
    expect(readdirSync(join(one.home, "dags"))).toEqual([]);
    expect(one.stored().filter((path) => path.endsWith(".json"))).toEqual([]);
  });

  test.each([
    ["was already removed", undefined],
    ["does not belong to this schedule and was left in place", "# somebody's DAG\n"],
  ])("a file that %s keeps nothing from being uninstalled", async (words, text) => {
    const one = machine();
    await one.run("install", ...AIRFLOW);
    if (text === undefined) unlinkSync(join(one.home, FILE));
    else one.put(FILE, text);
    const { code, err } = await one.run("uninstall", ...AIRFLOW);
    expect([code, err]).toEqual([0, expect.stringContaining(`warning: ~/${FILE} ${words}\n`)]);
    expect(one.text(FILE)).toBe(text);
  });
});

/** So many pipelines at this minute of many hours. */
const many = (minute: number): readonly string[] =>
  Array.from(
    { length: 500 },
    (_, index) => `{tap: tap_${index}, target: redshift, cron: "${minute} ${index % 24} * * *"}`,
  );

/** A machine whose schedule and PipelineWise have these pipelines. */
function machineWithMany(): FakeMachine {
  const one = machine(many(30));
  const taps = Array.from({ length: 500 }, (_, index) => ({ id: `tap_${index}` }));
  one.put(".pipelinewise/config.json", JSON.stringify({ targets: [{ id: "redshift", taps }] }));
  return one;
}

test("500 pipelines are one file, and their ids are not told one by one", async () => {
  const one = machineWithMany();
  expect(await one.run("install", ...AIRFLOW)).toMatchObject({ code: 0 });
  expect(one.text(FILE)?.match(/"dag_id": /g)).toHaveLength(500);
  const { err } = await one.run("uninstall", ...AIRFLOW);
  expect(err.match(/airflow dags delete/g)?.length).toBeLessThan(25);
  expect(err).toContain("  and the same for 490 more DAGs whose ids also begin with pipelinewise.\n");
});

test("Airflow finds the old file or the new one, at whatever moment it reads", async () => {
  const one = machineWithMany();
  await one.run("install", ...AIRFLOW);
  const seen = new Set([one.text(FILE)]);
  one.put("schedule.yml", schedule(many(45)));
  let done = false;
  const installing = one.run("install", ...AIRFLOW).finally(() => {
    done = true;
  });
  while (!done) {
    seen.add(one.text(FILE));
    await new Promise(setImmediate);
  }
  expect((await installing).code).toBe(0);
  seen.add(one.text(FILE));
  expect(seen.size).toBe(2);
});
