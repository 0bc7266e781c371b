import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { parseTimeSpan } from "../../../src/schedulers/systemd/systemctl.ts";
import { systemd } from "../../../src/schedulers/systemd/systemd.ts";
import { DAY_MS, HOUR_MS } from "../../../src/time-units.ts";
import { testHost } from "../../support/host.ts";
import { FOLDER, ORDERS, STOCK, systemdMachine } from "../../support/systemd-machine.ts";
import { freezeTimers, untilFrozen } from "../../support/wait.ts";

type Machine = ReturnType<typeof systemdMachine>;

/** A machine with a schedule that is installed on systemd. */
async function installed(): Promise<Machine> {
  const machine = systemdMachine({ hasPrograms: true });
  expect((await machine.run("install", "--on", "systemd")).code).toBe(0);
  return machine;
}

async function nextRuns(machine: Machine): Promise<readonly (string | null)[]> {
  const { pipelines } = JSON.parse((await machine.run("status", "--json")).out);
  return pipelines.map(({ nextRunAt }: { readonly nextRunAt: string | null }) => nextRunAt);
}

const NEXT = ["2026-11-23T12:05:00.000Z", "2026-11-24T03:00:00.000Z"];

test("status says nothing about units that are as they were installed, and names systemd", async () => {
  const machine = await installed();
  expect(await nextRuns(machine)).toEqual(NEXT);
  const { out, err } = await machine.run("status");
  expect(out).toMatch(/\*\/5 \* \* \* \* +systemd +2026/);
  expect(err).not.toContain("systemd");
});

test("status, validate, preview and diff warn about a drop-in whose time limit is shorter than the timeout", async () => {
  const machine = systemdMachine({ hasPrograms: true });
  machine.put("schedule.yml", TIMED);
  expect((await machine.run("install", "--on", "systemd")).code).toBe(0);
  machine.put("systemd/limit", "5h 59min");
  const warning = `TimeoutStartSec of ${ORDERS}.service is 5 h 59 min, but a start may take 12 h 3 min by its run policies. Such a run would be recorded as stopped. Set TimeoutStartSec=infinity in the drop-in, or higher; \`systemctl cat ${ORDERS}.service\` shows where it is set.`;
  for (const words of [["status"], ["validate"], ["preview"], ["diff", "--on", "systemd"]]) {
    const { err } = await machine.run(...words);
    expect(err.split(warning), words[0]).toHaveLength(2);
    expect(err).not.toContain(STOCK);
  }
  expect((await nextRuns(machine))[0]).toBe(NEXT[0]);
  machine.put("systemd/limit", "12h 3min 1s");
  expect((await machine.run("status")).err).not.toContain("TimeoutStartSec");
});

/** A schedule in which one start of orders takes at most 12 h 3 min, and one of stock has no limit. */
const TIMED = `pipelines:
  - {tap: orders, target: redshift, cron: "*/5 * * * *", timeout: 6h, retries: {max: 1, delay: 1m}}
  - {tap: stock, target: redshift, cron: "0 3 * * *"}
`;

test("an entry that only runs after another one has no units, and is not missed", async () => {
  const machine = systemdMachine({ hasPrograms: true });
  const third = "{tap: third, target: redshift, after: [{tap: stock, target: redshift}]}";
  machine.put("schedule.yml", `${TIMED}  - ${third}\n`);
  expect((await machine.run("install", "--on", "systemd")).code).toBe(0);
  const { code, err } = await machine.run("diff", "--on", "systemd");
  expect([code, err]).toEqual([0, expect.not.stringContaining("systemd does not start")]);
});

test.each([
  ["infinity", undefined],
  ["0", undefined],
  ["1min 30s", 90_000],
  ["1h", HOUR_MS],
  ["1month 2w 1d", 45.44 * DAY_MS],
  ["500ms", 500],
])("a time span of systemctl, %s, is %d ms", (text, ms) => {
  expect(parseTimeSpan(text)).toBe(ms);
});

const FAULTY = "these units are missing, edited, disabled, stopped, or not reloaded since they changed";

describe("status shows no next run, and status, validate, preview and diff warn", () => {
  test.each<[what: string, change: (machine: Machine) => void, units: string, next: readonly (string | null)[]]>([
    [
      "with a timer that is stopped or disabled",
      ({ path }) => rmSync(path("systemd/up", `${STOCK}.timer`)),
      `${STOCK}.timer`,
      [NEXT[0] ?? "", null],
    ],
    [
      "without a timer's file",
      ({ path }) => rmSync(path(FOLDER, `${ORDERS}.timer`)),
      `${ORDERS}.timer`,
      [null, NEXT[1] ?? ""],
    ],
    [
      "without a service's file",
      ({ path }) => rmSync(path(FOLDER, `${ORDERS}.service`)),
      `${ORDERS}.service`,
      [null, NEXT[1] ?? ""],
    ],
    [
      "with a timer whose times were edited",
      ({ put, text }) =>
        put(`${FOLDER}/${STOCK}.timer`, (text(`${FOLDER}/${STOCK}.timer`) ?? "").replace("03:00", "04:00")),
      `${STOCK}.timer`,
      [NEXT[0] ?? "", null],
    ],
    [
      "with a unit that systemd has not reloaded",
      ({ put }) => put("systemd/stale", `${STOCK}.service`),
      `${STOCK}.service`,
      [NEXT[0] ?? "", null],
    ],
  ])("%s", async (_, change, units, next) => {
    const machine = await installed();
    change(machine);
    expect(await nextRuns(machine)).toEqual(next);
    const warning = `systemd does not start 1 of the 2 entries of the schedule pipelinewise as they were installed: ${FAULTY}: ${units}. `;
    const repair = "Install it again: pipelinewise-sched install ~/schedule.yml --on systemd\n";
    const compare = "Show the differences: pipelinewise-sched diff ~/schedule.yml --on systemd. ";
    for (const command of ["status", "validate", "preview"]) {
      expect((await machine.run(command)).err, command).toContain(warning + compare + repair);
    }
    const { code, err } = await machine.run("diff", "--on", "systemd");
    expect(code).toBe(1);
    expect(err).toContain(warning + repair);
  });

  test("with units that another config directory owns", async () => {
    const machine = await installed();
    const unit = `${FOLDER}/${ORDERS}.timer`;
    machine.put(unit, (machine.text(unit) ?? "").replaceAll("/.pipelinewise", "/.other"));
    expect(await nextRuns(machine)).toEqual([null, NEXT[1]]);
  });

  test("without systemd", async () => {
    const machine = await installed();
    rmSync(join(machine.home, "run"), { recursive: true });
    expect(await nextRuns(machine)).toEqual([null, null]);
    expect((await machine.run("status")).err).toMatch(/warning: (no systemd user manager|systemd is not running here)/);
  });

  test("with a systemctl that hangs: it is stopped after 10 seconds", async () => {
    const machine = await installed();
    machine.put("systemd/hangs", "show");
    freezeTimers();
    const status = machine.run("status");
    await untilFrozen(() => existsSync(machine.path("systemd/hanging")));
    vi.advanceTimersByTime(10_000);
    expect((await status).err).toMatch(
      /could not check whether systemd starts the schedule pipelinewise: systemctl .* failed: .* did not answer within 10 seconds, so it was stopped/,
    );
  });
});

test("the loss of the units that tend a schedule is a problem of no entry", async () => {
  const machine = await installed();
  const { on } = machine.hostFile();
  const { place, written } = on.systemd;
  const stored = { name: "pipelinewise", configDir: machine.path(".pipelinewise"), place, entries: [], lines: [] };
  const env = { HOME: machine.home, PATH: `${machine.path("bin")}:/usr/bin:/bin` };
  const host = testHost({ env, root: machine.home });
  const look = (more: Readonly<Record<string, string>>) =>
    systemd.inspect({ ...stored, written: { ...written, ...more } }, host);
  expect(await look({})).toEqual([]);
  expect(await look({ "pipelinewise-tend.service": "0", "pipelinewise-tend.timer": "0" })).toEqual([
    {
      message: `systemd does not tend the schedule pipelinewise as it was installed: ${FAULTY}: pipelinewise-tend.service, pipelinewise-tend.timer`,
      differs: true,
      entries: [],
    },
  ]);
});
