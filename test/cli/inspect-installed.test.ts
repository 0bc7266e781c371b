import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";
import { freezeTimers, untilFrozen } from "../support/wait.ts";

type Machine = ReturnType<typeof fakeMachine>;

/** A machine with an installed schedule of two pipelines. */
async function installed(): Promise<Machine> {
  const machine = fakeMachine({ hasPrograms: true });
  expect((await machine.run("install")).code).toBe(0);
  return machine;
}

const rewriteCrontab = (machine: Machine, change: (text: string) => string): void =>
  writeFileSync(machine.crontab.env["FAKE_CRONTAB"] ?? "", change(machine.crontab.text() ?? ""));

async function nextRuns(machine: Machine): Promise<readonly (string | null)[]> {
  const { pipelines } = JSON.parse((await machine.run("status", "--json")).out);
  return pipelines.map(({ nextRunAt }: { readonly nextRunAt: string | null }) => nextRunAt);
}

const NEXT = ["2026-11-23T12:05:00.000Z", "2026-11-24T03:00:00.000Z"];

/** Makes /proc list these programs. */
function putProcesses({ home }: Machine, programs: Readonly<Record<string, string>>): void {
  for (const [pid, comm] of Object.entries(programs)) {
    mkdirSync(join(home, "proc", pid), { recursive: true });
    writeFileSync(join(home, "proc", pid, "comm"), `${comm}\n`);
  }
}

test("status, validate and preview say nothing about an installed schedule that is as it was installed", async () => {
  const machine = await installed();
  expect(await nextRuns(machine)).toEqual(NEXT);
  const { out } = await machine.run("status");
  expect(out).toMatch(/Schedule +Scheduler +Next run/);
  expect(out).toMatch(/\*\/5 \* \* \* \* +cron +2026-11-23 12:05Z/);
  for (const command of ["validate", "preview"]) expect((await machine.run(command)).err).not.toContain("warning");
});

describe("status shows no next run, and status, validate and preview warn", () => {
  test.each<[what: string, change: (machine: Machine) => void, warning: string, next: readonly (string | null)[]]>([
    [
      "without the block",
      (machine) => rewriteCrontab(machine, () => "0 0 * * * /bin/true\n"),
      "no longer contains the block of the schedule pipelinewise, so cron starts none of its pipelines",
      [null, null],
    ],
    [
      "without a crontab",
      (machine) => rmSync(machine.crontab.env["FAKE_CRONTAB"] ?? ""),
      "no longer contains the block of the schedule pipelinewise",
      [null, null],
    ],
    [
      "with a line that is commented out",
      (machine) => rewriteCrontab(machine, (text) => text.replace(/^\*\/5/m, "#*/5")),
      "was edited after it was installed; cron does not start 1 of its 2 entries as they were installed",
      [null, NEXT[1] ?? ""],
    ],
    [
      "with a line whose time was edited",
      (machine) => rewriteCrontab(machine, (text) => text.replace(/^0 9 /m, "0 10 ")),
      "cron does not start 1 of its 2 entries as they were installed",
      [NEXT[0] ?? "", null],
    ],
    [
      "with a block whose end is gone",
      (machine) => rewriteCrontab(machine, (text) => text.replace(/^# END.*\n/m, "")),
      "begins here and never ends",
      [null, null],
    ],
    [
      "with another HOME in the crontab",
      (machine) =>
        rewriteCrontab(machine, (text) => text.replaceAll(/ --config-dir \S+/g, "").replace(/^/, "HOME=/x\n")),
      "was edited after it was installed",
      [null, null],
    ],
    [
      "without a cron daemon",
      (machine) => putProcesses(machine, { 1: "init", 2: "sshd" }),
      "no cron daemon is running on this machine, so nothing will start the pipelines",
      [null, null],
    ],
    [
      "without Node at its path",
      (machine) => rmSync(join(machine.home, "bin/node")),
      "every start of the schedule pipelinewise will fail: Node cannot be used at its installed path",
      [null, null],
    ],
    [
      "without this program at its path",
      (machine) => rmSync(join(machine.home, "bin/pipelinewise-sched")),
      "pipelinewise-sched cannot be used at its installed path",
      [null, null],
    ],
    [
      "without PipelineWise at its path",
      (machine) => rmSync(join(machine.home, "bin/pipelinewise")),
      "PipelineWise cannot be used at its installed path",
      [null, null],
    ],
  ])("%s", async (_, change, warning, next) => {
    const machine = await installed();
    change(machine);
    expect(await nextRuns(machine)).toEqual(next);
    for (const command of ["status", "validate", "preview"]) {
      expect((await machine.run(command)).err, command).toContain(warning);
    }
  });

  test("with CRON_TZ above the block, on cronie", async () => {
    const machine = fakeMachine({ hasPrograms: true, does: "cronie" });
    await machine.run("install");
    rewriteCrontab(machine, (text) => `CRON_TZ=Asia/Tokyo\n${text}`);
    expect(await nextRuns(machine)).toEqual([null, null]);
    expect((await machine.run("status")).err).toContain("line 1 of the crontab sets CRON_TZ=Asia/Tokyo");
  });
});

describe("diff shows the warnings of status once, and its exit code shows whether an install repairs them", () => {
  test.each<[what: string, change: (machine: Machine) => void, warning: string, code: number]>([
    [
      "an edited block",
      (machine) => rewriteCrontab(machine, (text) => text.replace(/^\*\/5/m, "#*/5")),
      "cron does not start 1 of its 2 entries as they were installed. Install it again: pipelinewise-sched install ~/schedule.yml\n",
      1,
    ],
    [
      "no cron daemon",
      (machine) => putProcesses(machine, { 1: "init", 2: "sshd" }),
      "no cron daemon is running on this machine",
      0,
    ],
    [
      "this program is gone",
      (machine) => rmSync(join(machine.home, "bin/pipelinewise-sched")),
      "pipelinewise-sched cannot be used at its installed path",
      0,
    ],
  ])("%s", async (_, change, warning, code) => {
    const machine = await installed();
    expect(await machine.run("diff")).toMatchObject({ code: 0, err: expect.not.stringContaining("warning") });
    change(machine);
    const diff = await machine.run("diff");
    expect(diff.code).toBe(code);
    expect(diff.err.split(warning)).toHaveLength(2);
  });

  test("with --compile-only, diff does not show them, because it compares only the stored schedule", async () => {
    const machine = await installed();
    rmSync(join(machine.home, "bin/pipelinewise-sched"));
    expect((await machine.run("diff", "--compile-only")).err).not.toContain("cannot be used");
  });
});

test("status, validate and preview wait 10 seconds for a crontab program that hangs, and say that it did not answer", async () => {
  const machine = await installed();
  const crontab = machine.crontab.env["FAKE_CRONTAB"] ?? "";
  writeFileSync(`${crontab}.list-hangs`, "");
  freezeTimers();
  for (const command of ["status", "validate", "preview"]) {
    let ended = false;
    const running = machine.run(command).finally(() => {
      ended = true;
    });
    while (!ended) {
      await untilFrozen(() => ended || existsSync(`${crontab}.hangs`));
      rmSync(`${crontab}.hangs`, { force: true });
      vi.advanceTimersByTime(10_000);
    }
    expect((await running).err, command).toContain(
      "could not check whether cron starts the schedule pipelinewise: `crontab -l` did not answer within 10 seconds, so it was stopped. Run `crontab -l` by hand",
    );
  }
});

test("the warning says how to see the difference and how to repair it", async () => {
  const machine = await installed();
  rewriteCrontab(machine, () => "0 0 * * * /bin/true\n");
  expect((await machine.run("status")).err).toContain(
    "Show the differences: pipelinewise-sched diff ~/schedule.yml. Install it again: pipelinewise-sched install ~/schedule.yml\n",
  );
  await machine.run("install");
  expect(await nextRuns(machine)).toEqual(NEXT);
});

test("validate and preview of another schedule file say nothing about the installed one", async () => {
  const machine = await installed();
  rewriteCrontab(machine, () => "");
  machine.put("other.yml", machine.text("schedule.yml") ?? "");
  for (const command of ["validate", "preview"]) {
    expect((await machine.run(command, "other.yml")).err).not.toContain("block");
  }
});

test("status warns if Airflow's DAG file is gone", async () => {
  const machine = fakeMachine({ hasPrograms: true });
  mkdirSync(join(machine.home, "dags"));
  machine.put("schedule.yml", `airflow: {dags: dags}\n${machine.text("schedule.yml")}`);
  await machine.run("install", "--on", "airflow");
  expect(await nextRuns(machine)).toEqual(NEXT);
  expect((await machine.run("status")).out).toMatch(/\*\/5 \* \* \* \* +airflow +2026/);
  rmSync(join(machine.home, "dags/pipelinewise_sched_pipelinewise.py"));
  expect(await nextRuns(machine)).toEqual([null, null]);
  expect((await machine.run("status")).err).toContain(
    "the DAG file ~/dags/pipelinewise_sched_pipelinewise.py does not exist, so Airflow starts none of its pipelines. Show the differences: pipelinewise-sched diff ~/schedule.yml --on airflow",
  );
});

test("status and diff warn if Airflow's DAG file was edited", async () => {
  const machine = fakeMachine({ hasPrograms: true });
  mkdirSync(join(machine.home, "dags"));
  machine.put("schedule.yml", `airflow: {dags: dags}\n${machine.text("schedule.yml")}`);
  await machine.run("install", "--on", "airflow");
  const file = "dags/pipelinewise_sched_pipelinewise.py";
  machine.put(file, (machine.text(file) ?? "").replace("*/5", "*/7"));
  expect(await nextRuns(machine)).toEqual([null, null]);
  const warning = `the DAG file ~/${file} was edited after it was installed`;
  expect((await machine.run("status")).err).toContain(warning);
  expect(await machine.run("diff", "--on", "airflow")).toMatchObject({
    code: 1,
    err: expect.stringContaining(warning),
  });
});

test("if nothing is installed, status says what to do first", async () => {
  const machine = fakeMachine({ hasPrograms: true });
  expect((await machine.run("status")).err).toContain(
    "No schedule is installed in this config directory. Write the times of your pipelines in schedule.yml",
  );
  rmSync(machine.configDir, { recursive: true });
  expect((await machine.run("status")).err).toContain("before you install a schedule");
});

test("status, validate and preview say that no run starts here after the host's name has changed", async () => {
  const machine = await installed();
  const file = join(machine.configDir, ".sched/schedules/pipelinewise");
  renameSync(`${file}.testhost.json`, `${file}.oldname.json`);
  for (const command of ["status", "validate", "preview"]) {
    const { err } = await machine.run(command);
    expect(err, command).toContain("is not installed on host testhost, so no scheduled run of it starts here");
    expect(err, command).toContain("set PIPELINEWISE_SCHED_HOST to the old name");
  }
});

test("status, validate and a scheduled start name the host's old name, if exactly one install has its machine id", async () => {
  const machine = fakeMachine({ hasPrograms: true });
  mkdirSync(join(machine.home, "etc"));
  machine.put("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  await machine.runOn("oldname", "install");
  const start = ["run", "--scheduled", "--tap", "orders", "--target", "redshift", "--config-dir", machine.configDir];
  for (const argv of [["status"], ["validate"], start]) {
    const { code, err } = await machine.runOn("newname", ...argv);
    expect(err, argv[0]).toContain("This host was called oldname when the schedule was installed. Install it again: ");
    expect(err, argv[0]).toContain("or set PIPELINEWISE_SCHED_HOST=oldname in the crontab");
    if (argv === start) expect(code).toBe(66);
  }
  const { pipelines } = JSON.parse((await machine.runOn("newname", "status", "--json")).out);
  expect(pipelines.map(({ nextRunAt }: { readonly nextRunAt: string | null }) => nextRunAt)).toEqual([null, null]);
  await machine.runOn("clone", "install");
  expect((await machine.runOn("newname", "status")).err).not.toContain("This host was called");
});
