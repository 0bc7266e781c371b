import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type FakeMachine, fakeMachine } from "../support/fake-machine.ts";

const OLD = ".pipelinewise/.sched/schedules/pipelinewise.oldname.json";
const NEW = ".pipelinewise/.sched/schedules/pipelinewise.newname.json";

/**
 * A machine that installed a schedule at 12:00 as `oldname`. It is 12:20 now, so entries were due at 12:15 and earlier.
 */
async function renamed(): Promise<FakeMachine> {
  const machine = fakeMachine({ hasPrograms: true });
  mkdirSync(join(machine.home, "etc"));
  machine.put("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  expect((await machine.runOn("oldname", "install")).code).toBe(0);
  machine.passMinutes(20);
  return machine;
}

function putState({ configDir }: FakeMachine, path: string, text: string): string {
  const file = join(configDir, ".sched", path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** Records a start of `oldname` at this time. */
function putHistory(machine: FakeMachine, at: string): void {
  utimesSync(putState(machine, "runs/2026-11/oldname.jsonl", "{}\n"), new Date(at), new Date(at));
}

test("an install under a new host name replaces the stored install under the old one", async () => {
  const machine = await renamed();
  const { out } = await machine.runOn("newname", "diff");
  expect(out).toContain("  ~ the name of this host, which was oldname\n");
  expect(machine.text(OLD)).toBeDefined();
  expect((await machine.runOn("newname", "install")).code).toBe(0);
  expect(machine.text(OLD)).toBeUndefined();
  expect(machine.text(NEW)).toBeDefined();
  expect((await machine.runOn("newname", "diff")).code).toBe(0);
});

test("it keeps what belongs to other schedulers", async () => {
  const machine = await renamed();
  mkdirSync(join(machine.home, "dags"));
  machine.put("schedule.yml", `airflow: {dags: dags}\n${machine.text("schedule.yml")}`);
  await machine.runOn("oldname", "install");
  await machine.runOn("oldname", "install", "--on", "airflow");
  machine.passMinutes(20);
  await machine.runOn("newname", "install");
  expect(machine.text(OLD)).toBeUndefined();
  expect(JSON.parse(machine.text(NEW) ?? "{}")).toMatchObject({
    on: { airflow: { place: { dags: join(machine.home, "dags") } } },
  });
});

test("an install that cannot write the crontab restores the stored install under the old name", async () => {
  const machine = await renamed();
  const before = machine.text(OLD);
  machine.put("schedule.yml", (machine.text("schedule.yml") ?? "").replace("*/5", "*/10"));
  machine.env["FAKE_CRONTAB_DOES"] = "no-write";
  expect((await machine.runOn("newname", "install")).code).toBe(74);
  expect(machine.text(OLD)).toBe(before);
  expect(machine.text(NEW)).toBeUndefined();
});

test("a start that the old name recorded before the newest due time does not matter", async () => {
  const machine = await renamed();
  putHistory(machine, "2026-11-23T12:14:59Z");
  await machine.runOn("newname", "install");
  expect(machine.text(OLD)).toBeUndefined();
});

describe("the stored install of another host stays", () => {
  test.each<[what: string, change: (machine: FakeMachine) => unknown, warns: boolean]>([
    [
      "if that host has recorded a start at the newest due time",
      (machine) => putHistory(machine, "2026-11-23T12:15:01Z"),
      true,
    ],
    [
      "if that host has handled the newest slot",
      (machine) =>
        putState(
          machine,
          "slots/redshift/orders/run_tap.json",
          '{"slot":"2026-11-23T12:15:00.000Z","host":"oldname","run":"r"}',
        ),
      true,
    ],
    [
      "if nothing was due since it was installed",
      async (machine) => {
        machine.put("schedule.yml", (machine.text("schedule.yml") ?? "").replace("*/5 *", "0 4"));
        await machine.runOn("oldname", "install");
      },
      true,
    ],
    [
      "if its block is not in this machine's crontab",
      (machine) => writeFileSync(machine.crontab.env["FAKE_CRONTAB"] ?? "", ""),
      false,
    ],
    ["if several have this machine id", (machine) => machine.runOn("clone", "install"), false],
    [
      "if it has another machine id",
      (machine) => machine.put("etc/machine-id", "fedcba9876543210fedcba9876543210\n"),
      false,
    ],
  ])("%s", async (_, change, warns) => {
    const machine = await renamed();
    await change(machine);
    const before = machine.text(OLD);
    const { code, err } = await machine.runOn("newname", "install");
    expect(code).toBe(0);
    expect(machine.text(OLD)).toBe(before);
    expect(machine.text(NEW)).toBeDefined();
    const warning = `warning: this host may have been called oldname, but a host of that name may still be running, so its stored install stays. If this host had that name, remove the file: rm '~/${OLD}'`;
    expect(err.includes(warning)).toBe(warns);
  });
});
