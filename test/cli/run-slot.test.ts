import { existsSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import type { StoredEntry, StoredInstall } from "../../src/installed/schedule.ts";
import { recordZones } from "../../src/installed/zones.ts";
import type { PipelineLocks } from "../../src/lock/lock.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { openSlots } from "../../src/slots/store.ts";
import { slotFile } from "../../src/storage/paths.ts";
import { leaveDeadLock } from "../run/dead-run.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { until, untilFile } from "../support/wait.ts";

const SCHEDULED = [...PAIR_WORDS, "--scheduled"];
const PATH = "redshift/microserv_1/run_tap";
const COUNT = "echo x >>$HOME/runs";

/** A machine with one installed entry, whose starts come at the times given (UTC, on 2026-11-23 if no day is said). */
function machine(
  entry: Partial<StoredEntry> = {},
  { script = COUNT, onHost = {} }: { script?: string; onHost?: Partial<StoredInstall> } = {},
) {
  const box = sandbox(script);
  const installed = anEntry({ crons: ["30 9 * * *"], since: "2026-11-01T00:00:00.000Z", ...entry });
  box.install([installed], {}, onHost);
  const instant = (time: string) => new Date(time.includes("T") ? `${time}Z` : `2026-11-23T${time}Z`);
  return {
    ...box,
    entry: installed,
    slotPath: slotFile(box.paths, installed, "run_tap"),
    start: (time: string, ...words: string[]) =>
      runMain([...SCHEDULED, ...words], { ...box.host, now: () => instant(time) }),
    runs: () => (existsSync(box.file("runs")) ? readFileSync(box.file("runs"), "utf8").length / 2 : 0),
    told: async () =>
      (await box.records()).map(({ outcome, reason, slot }) => `${reason ?? outcome} ${slot?.slice(0, 16) ?? "-"}`),
  };
}

describe("a start of an entry with exact lines", () => {
  test("runs the slot that is due, also some minutes late, and records it", async () => {
    const box = machine();
    expect(await box.start("09:34:59")).toBe(0);
    expect(await box.told()).toEqual(["succeeded 2026-11-23T09:30"]);
    expect(JSON.parse(readFileSync(box.slotPath, "utf8"))).toMatchObject({
      slot: "2026-11-23T09:30:00.000Z",
      host: "testhost",
    });
  });

  test("leaves its slot recorded, also if a skip without the lock overwrites it during the run", async () => {
    const script = `
      note=$HOME/.pipelinewise/.sched/slots/${PATH}.json
      while [ ! -e $note ]; do sleep 0.02; done
      echo '{"slot":"2026-11-22T09:30:00.000Z","host":"b","run":"late"}' >$note`;
    const box = machine({}, { script });
    expect(await box.start("09:30:00")).toBe(0);
    expect(JSON.parse(readFileSync(box.slotPath, "utf8"))).toMatchObject({ slot: "2026-11-23T09:30:00.000Z" });
  });

  test("is skipped if the slot was run in the same minute, and names that run", async () => {
    const box = machine();
    await box.start("09:30:01");
    expect(await box.start("09:30:02", "--output")).toBe(0);
    expect(box.runs()).toBe(1);
    expect(await box.told()).toEqual(["slot-done -", "succeeded 2026-11-23T09:30"]);
    const [skip, run] = await box.records();
    expect(skip?.detail).toBe(`was already started for 2026-11-23T09:30:00.000Z (host testhost, run ${run?.id})`);
    expect(box.host.out()).toBe(`skipped (slot-done): microserv_1 → redshift ${skip?.detail}\n`);
  });

  test("is recorded once as too late, and not run, if it is more than an hour late", async () => {
    const box = machine();
    expect(await box.start("10:31:00")).toBe(0);
    expect(await box.start("10:32:00")).toBe(0);
    expect(box.runs()).toBe(0);
    expect(await box.told()).toEqual(["not-due -", "too-late 2026-11-23T09:30"]);
    const [, late] = await box.records();
    expect(late?.detail).toBe("was due at 2026-11-23T09:30:00.000Z, and this start is 1 h 1 min late");
  });

  test("is a skip with a record, without a warning, if the due time was before the install", async () => {
    const box = machine({ since: "2026-11-23T09:31:00.500Z" });
    await box.start("09:31:59");
    await box.start("09:45:00");
    expect(await box.told()).toEqual(["not-due -", "not-due -"]);
    expect((await box.records())[0]?.detail).toBe("was due at 2026-11-23T09:30:00.000Z, before it was installed");
    expect(box.host.err()).toBe("");
  });

  test("runs in the minute of the install, because a daemon may load the crontab at its beginning", async () => {
    const box = machine({ since: "2026-11-23T09:30:00.500Z" });
    await box.start("09:30:01");
    expect(await box.told()).toEqual(["succeeded 2026-11-23T09:30"]);
  });

  test("handles its slot also if the pipeline fails or cannot be started", async () => {
    const failing = machine({}, { script: `${COUNT}; exit 3` });
    expect([await failing.start("09:30:00"), await failing.start("09:30:30")]).toEqual([3, 0]);
    expect(failing.runs()).toBe(1);
    const absent = machine({}, { onHost: { command: ["/nowhere/pipelinewise"] } });
    expect([await absent.start("09:30:00"), await absent.start("09:30:30")]).toEqual([127, 0]);
    expect(await absent.told()).toEqual(["slot-done -", "failed 2026-11-23T09:30"]);
  });

  test("handles its slot also if it is skipped for an overlap", async () => {
    const box = machine(
      { crons: ["*/5 * * * *"] },
      { script: "touch $HOME/started; while [ ! -e $HOME/finish ]; do sleep 0.05; done" },
    );
    const running = box.start("09:30:00");
    await untilFile(box.file("started"));
    expect(await box.start("09:35:00")).toBe(0);
    writeFileSync(box.file("finish"), "");
    await running;
    expect(await box.start("09:36:00")).toBe(0);
    expect(await box.told()).toEqual(["slot-done -", "overlap 2026-11-23T09:35", "succeeded 2026-11-23T09:30"]);
  });

  test("runs after a wait for the lock if a newer slot was skipped meanwhile, and not if a newer slot has run", async () => {
    for (const [skipped, expected] of [
      [true, ["succeeded 2026-11-23T09:30"]],
      [false, ["slot-done -"]],
    ] as const) {
      const box = machine({ crons: ["*/5 * * * *"] });
      const newer = { slot: "2026-11-23T09:35:00.000Z", host: "b", run: "x", ...(skipped && { skipped }) };
      const real = pipelineLocks();
      const locks: PipelineLocks = {
        ...real,
        async acquire(...asked) {
          mkdirSync(dirname(box.slotPath), { recursive: true, mode: 0o700 });
          writeFileSync(box.slotPath, JSON.stringify(newer), { mode: 0o600 });
          return real.acquire(...asked);
        },
      };
      const at = { ...box.host, now: () => new Date("2026-11-23T09:30:00Z") };
      expect(await runMain(SCHEDULED, at, { locks })).toBe(0);
      expect(await box.told()).toEqual(expected);
      expect(JSON.parse(readFileSync(box.slotPath, "utf8"))).toEqual(newer);
    }
  });

  test("records the due times that passed during the run while its scheduler starts nothing", async () => {
    for (const [words, missed] of [
      [["--record-missed"], ["overlap 2026-11-23T09:40", "overlap 2026-11-23T09:35"]],
      [[], []],
    ] as const) {
      const script = "touch $HOME/started; while [ ! -e $HOME/finish ]; do sleep 0.05; done; exit 3";
      const box = machine({ crons: ["*/5 * * * *", "35 9 * * *"] }, { script });
      let now = "2026-11-23T09:30:00Z";
      const running = runMain([...SCHEDULED, ...words], { ...box.host, now: () => new Date(now) });
      await untilFile(box.file("started"));
      now = "2026-11-23T09:44:59Z";
      writeFileSync(box.file("finish"), "");
      expect(await running).toBe(3);
      expect((await box.told()).sort().reverse()).toEqual([...missed, "failed 2026-11-23T09:30"].sort().reverse());
      const [skip] = (await box.records()).filter(({ slot }) => slot?.includes("09:40"));
      const [run] = (await box.records()).filter(({ outcome }) => outcome === "failed");
      expect(skip?.detail).toBe(
        missed.length === 0 ? undefined : `came due while run ${run?.id} on host testhost was running`,
      );
      expect(JSON.parse(readFileSync(box.slotPath, "utf8")).slot).toContain(missed.length === 0 ? "09:30" : "09:40");
    }
  });

  test("leaves its slot open if the lock holder is unknown", async () => {
    const box = machine();
    const real = pipelineLocks();
    const locks: PipelineLocks = {
      ...real,
      acquire: async () => ({ kind: "held", holder: undefined, state: { kind: "orphans", pids: [1] } }),
    };
    const at = { ...box.host, now: () => new Date("2026-11-23T09:30:00Z") };
    expect(await runMain(SCHEDULED, at, { locks })).toBe(0);
    expect(await box.told()).toEqual(["overlap 2026-11-23T09:30"]);
    expect(existsSync(box.slotPath)).toBe(false);
    expect(await runMain(SCHEDULED, at)).toBe(0);
    expect(box.runs()).toBe(1);
  });

  // The kernel's lock alone is seen, or a record whose text is not there yet.
  test.each(["alive", "unproved"] as const)(
    "waits for the owner record of a run for the same slot that has just acquired the lock on another host (%s)",
    async (kind) => {
      const box = machine();
      const slot = "2026-11-23T09:30:00.000Z";
      const real = pipelineLocks();
      const locks: PipelineLocks = {
        ...real,
        acquire: async () => ({ kind: "held", holder: undefined, state: { kind } }),
        async readHolder(...args) {
          const holder = await real.readHolder(...args);
          // The other host writes its record after this start has looked for it.
          if (holder === undefined)
            leaveDeadLock(box.paths, { host: "b", bootId: "another-boot", task: `run_tap ${slot}` });
          return holder;
        },
      };
      expect(await runMain(SCHEDULED, { ...box.host, now: () => new Date(slot) }, { locks })).toBe(0);
      const [skip] = await box.records();
      expect(skip).toMatchObject({ reason: "slot-done", detail: expect.stringContaining("host b, run ") });
    },
  );

  test("leaves the slot to the next start if it crashes before the pipeline starts", async () => {
    const box = machine();
    mkdirSync(dirname(box.slotPath), { recursive: true, mode: 0o700 });
    writeFileSync(`${box.slotPath}.testhost.1.tmp`, '{"slot":"2026-11-23T09:30:00.000Z","host":"testhost","run":"x"}');
    await box.start("09:30:10");
    expect(box.runs()).toBe(1);
  });

  test("runs if the slot file is torn, and fails if the recorded slot is in the future", async () => {
    const box = machine();
    mkdirSync(dirname(box.slotPath), { recursive: true, mode: 0o700 });
    writeFileSync(box.slotPath, "");
    expect(await box.start("09:30:00")).toBe(0);
    expect(box.runs()).toBe(1);
    writeFileSync(box.slotPath, '{"slot":"2026-11-24T09:30:00.000Z","host":"other","run":"x"}');
    expect(await box.start("09:31:00")).toBe(74);
    expect(box.host.err()).toContain(
      "microserv_1 → redshift: the slot 2026-11-24T09:30:00.000Z is recorded as handled by host other, but it is in the future: it is 2026-11-23T09:31:00.000Z on this host",
    );
  });
});

test("a start by an exact line for which nothing is due is reported once a day", async () => {
  const box = machine();
  const said = () => box.host.err().split("The crontab and the stored schedule differ").length - 1;
  for (const [time, count] of [
    ["09:30:00", 0],
    ["15:00:00", 1],
    ["16:00:00", 1],
    ["2026-11-24T09:30:00", 1],
    ["2026-11-24T15:00:00", 2],
  ] as const) {
    await box.start(time);
    expect(said(), time).toBe(count);
  }
});

test("the report of such a start says how far the start looked back", async () => {
  const box = machine({ policies: { catchUpMs: 3 * 3_600_000 } });
  await box.start("09:30:00");
  await box.start("15:00:00");
  expect(box.host.err()).toContain("was started, but nothing was due in the last 3 h, so it did not run");
});

describe("after this host's clock was ahead", () => {
  test("the next start corrects the slot in the future, warns once and runs", async () => {
    const box = machine();
    expect(await box.start("2026-12-24T09:30:00")).toBe(0);
    expect(await box.start("09:30:00")).toBe(0);
    expect(box.runs()).toBe(2);
    expect(box.host.err()).toContain(
      "this host's clock was ahead: it had recorded the slot 2026-12-24T09:30:00.000Z, which is in the future; corrected to 2026-11-23T09:30:00.000Z",
    );
    expect(JSON.parse(readFileSync(box.slotPath, "utf8"))).toMatchObject({ slot: "2026-11-23T09:30:00.000Z" });
    const said = box.host.err();
    expect(await box.start("2026-11-24T09:30:00")).toBe(0);
    expect(box.runs()).toBe(3);
    expect(box.host.err()).toBe(said);
  });

  test("an entry that was installed in the future is due", async () => {
    const box = machine({ since: "2026-12-24T00:00:00.000Z" });
    expect(await box.start("09:30:00")).toBe(0);
    expect(box.runs()).toBe(1);
  });

  test("status shows starts that another host's slot blocks, and how to clear it", async () => {
    const box = machine();
    mkdirSync(dirname(box.slotPath), { recursive: true, mode: 0o700 });
    writeFileSync(box.slotPath, '{"slot":"2026-12-24T09:30:00.000Z","host":"other","run":"x"}');
    expect(await main(["status"], box.host)).toBe(0);
    expect(box.host.err()).toContain("scheduled starts are blocked: microserv_1 → redshift: the slot 2026-12-24T09:30");
    expect(box.host.err()).toContain(`remove the record: rm '${box.slotPath}'`);
    expect(box.host.out()).not.toContain("2026-11-24 09:30Z");
  });
});

describe("a start of an entry with candidate lines", () => {
  const LONDON = { timezone: "Europe/London", crons: ["30 9 * * *"], since: "2026-11-23T00:00:00.000Z" };
  const loose = { onHost: { loose: [PATH] } };

  test("is only counted, without a record, if nothing is due", async () => {
    const box = machine(LONDON, loose);
    for (const time of ["00:30:00", "08:30:00", "09:30:00", "23:30:00"]) expect(await box.start(time)).toBe(0);
    expect(await box.told()).toEqual(["succeeded 2026-11-23T09:30"]);
    expect(await openSlots(box).readNotDueCount()).toBe(3);
    expect(box.host.out() + box.host.err()).toBe("");
  });

  test("follows the clock changes of the entry's own zone", async () => {
    const box = machine({ ...LONDON, since: "2026-10-01T00:00:00.000Z" }, loose);
    for (const day of ["2026-10-24", "2026-10-25"]) {
      for (const time of ["08:30:00", "09:30:00"]) await box.start(`${day}T${time}`);
    }
    expect((await box.told()).reverse()).toEqual(["succeeded 2026-10-24T08:30", "succeeded 2026-10-25T09:30"]);
  });

  test("records a slot once that was missed while the machine was off", async () => {
    const box = machine(LONDON, loose);
    await box.start("23:30:00");
    await box.start("2026-11-24T00:30:00");
    expect(await box.told()).toEqual(["too-late 2026-11-23T09:30"]);
    expect(await openSlots(box).readNotDueCount()).toBe(1);
  });

  test("is not due, whether or not the lock is held", async () => {
    const box = machine(LONDON, {
      ...loose,
      script: "touch $HOME/started; while [ ! -e $HOME/finish ]; do sleep 0.05; done",
    });
    const running = box.start("09:30:00");
    await untilFile(box.file("started"));
    expect(await box.start("23:30:00")).toBe(0);
    // A second start for the same slot: two lines of an entry may name the same minute.
    expect(await box.start("09:30:00")).toBe(0);
    writeFileSync(box.file("finish"), "");
    await running;
    expect(await box.told()).toEqual(["succeeded 2026-11-23T09:30"]);
    expect(await openSlots(box).readNotDueCount()).toBe(2);
  });

  test("is one run and no overlap if many starts come at once for one slot", async () => {
    const box = machine(LONDON, { ...loose, script: `${COUNT}; while [ ! -e $HOME/finish ]; do sleep 0.05; done` });
    let ended = 0;
    const starts = Array.from({ length: 5 }, () => box.start("09:30:00").finally(() => ended++));
    await until("all starts but one are skipped", () => ended === 4);
    writeFileSync(box.file("finish"), "");
    await Promise.all(starts);
    expect(box.runs()).toBe(1);
    expect(await box.told()).toEqual(["succeeded 2026-11-23T09:30"]);
    expect(await openSlots(box).readNotDueCount()).toBe(4);
  });
});

test("a crontab line that is typed in a terminal shows why it is skipped, and so does --dry-run", async () => {
  const box = machine();
  const terminal = { ...box.host.stderr, isTTY: true };
  const env = { ...box.host.env, TERM: "xterm" };
  const now = () => new Date("2026-11-23T08:00:00Z");
  expect(await runMain(SCHEDULED, { ...box.host, now, env, stderr: terminal })).toBe(0);
  // A slot that was due a day ago is too late. It is reported once.
  expect(box.host.err()).toMatch(/^skipped \(too-late\): microserv_1 → redshift was due at 2026-11-22T09:30/);
  expect(await runMain([...SCHEDULED, "--dry-run"], { ...box.host, now })).toBe(0);
  expect(box.host.out()).toContain("slot         skipped (not-due): it was not due in the last hour\n");
});

describe("--slot", () => {
  test("runs a due slot of any age while no newer slot is handled", async () => {
    const box = machine();
    await box.start("12:00:00", "--slot", "2026-11-20T10:30:00+01:00");
    await box.start("12:00:00", "--slot", "2026-11-20T09:30:00Z");
    await box.start("12:00:00", "--slot", "2026-11-21T09:30:00Z");
    await box.start("12:00:00", "--slot", `@${Date.parse("2026-11-22T09:30:00Z") / 1000}`);
    expect((await box.told()).reverse()).toEqual([
      "succeeded 2026-11-20T09:30",
      "slot-done -",
      "succeeded 2026-11-21T09:30",
      "succeeded 2026-11-22T09:30",
    ]);
  });

  test("means the due minute, with any seconds", async () => {
    const box = machine();
    await box.start("09:30:20", "--slot", "2026-11-23T09:30:17.250Z");
    expect(await box.start("09:30:30", "--slot", "2026-11-23T09:30:00Z")).toBe(0);
    expect(await box.told()).toEqual(["slot-done -", "succeeded 2026-11-23T09:30"]);
  });

  test.each([
    ["a minute that is not due", { timezone: "UTC" }, "2026-11-23T09:31:00Z"],
    ["a minute of another zone", { timezone: "Europe/Berlin" }, "2026-11-23T09:30:00Z"],
    ["what was due before the install", { timezone: "UTC", since: "2026-11-23T09:31:00Z" }, "2026-11-23T09:30:00Z"],
    // 01:30 was shown twice; cron starts the first.
    [
      "the second 01:30 of a repeated hour",
      { timezone: "Europe/London", crons: ["30 1 * * *"], since: "2026-10-01T00:00:00Z" },
      "2026-10-25T01:30:00Z",
    ],
  ])("%s is skipped and only counted", async (_, entry, slot) => {
    const box = machine(entry);
    expect(await box.start("12:00:00", "--slot", slot, "--output", "--skip-exit-code", "99")).toBe(99);
    expect([box.runs(), await box.told(), await openSlots(box).readNotDueCount()]).toEqual([0, [], 1]);
    expect(box.host.out()).toBe(
      `skipped (not-due): microserv_1 → redshift is not due at ${new Date(slot).toISOString()}\n`,
    );
  });

  test("runs a slot that the clock skipped at the instant of the clock change", async () => {
    const box = machine({ timezone: "Europe/London", crons: ["30 1 * * *"], since: "2026-03-01T00:00:00Z" });
    await box.start("2026-03-29T01:00:05", "--slot", "2026-03-29T01:00:00Z");
    await box.start("2026-03-29T01:30:05", "--slot", "2026-03-29T01:30:00Z");
    expect([box.runs(), await box.told()]).toEqual([1, ["succeeded 2026-03-29T01:00"]]);
  });

  test("records a slot that is not due if the entry has no own zone, because the scheduler may use another one", async () => {
    const box = machine();
    await box.start("12:00:00", "--slot", "2026-11-23T10:30:00Z");
    expect(await box.told()).toEqual(["not-due -"]);
    const loose = machine({}, { onHost: { loose: [PATH] } });
    await loose.start("12:00:00", "--slot", "2026-11-23T10:30:00Z");
    expect(await loose.told()).toEqual([]);
  });

  test("records a skip if another scheduler has run the slot, also for an entry with candidate lines", async () => {
    const box = machine({ timezone: "UTC" }, { onHost: { loose: [PATH] } });
    await box.start("09:30:01");
    await box.start("09:30:02", "--slot", "2026-11-23T09:30:00Z");
    expect(await box.told()).toEqual(["slot-done -", "succeeded 2026-11-23T09:30"]);
  });

  test("records a skip if another scheduler is running the slot, also for an entry with candidate lines", async () => {
    const box = machine(
      { timezone: "UTC" },
      {
        script: "touch $HOME/started; while [ ! -e $HOME/finish ]; do sleep 0.05; done",
        onHost: { loose: [PATH] },
      },
    );
    const running = box.start("09:30:01");
    await untilFile(box.file("started"));
    expect(await box.start("09:30:02", "--slot", "2026-11-23T09:30:00Z", "--skip-exit-code", "99")).toBe(99);
    writeFileSync(box.file("finish"), "");
    await running;
    expect((await box.told()).sort()).toEqual(["slot-done -", "succeeded 2026-11-23T09:30"]);
  });

  test("refuses a slot in the future, which would keep all later starts from running", async () => {
    const box = machine();
    expect(await box.start("09:24:59", "--slot", "2026-11-23T09:30:00Z")).toBe(64);
    expect(box.host.err()).toContain(
      "--slot: 2026-11-23T09:30:00.000Z is in the future: it is 2026-11-23T09:24:59.000Z",
    );
    expect(await box.start("09:25:00", "--slot", "2026-11-23T09:30:00Z")).toBe(0);
    expect(box.runs()).toBe(1);
  });

  test.each([
    [["--scheduled", "--slot", "2026-11-20"], '--slot: "2026-11-20" is not a point in time'],
    [["--scheduled", "--slot", "2026-11-20T02:00"], "Write it with an offset"],
    [["--scheduled", "--slot", "@"], '--slot: "@" is not a point in time'],
    [["--scheduled", "--slot", "@1e9"], '--slot: "@1e9" is not a point in time'],
    [["--slot", "2026-11-20T02:00Z"], "--slot needs --scheduled"],
    [["--scheduled", "--rerun"], "--rerun needs --slot"],
  ])("%j is refused", async (words, message) => {
    const { host } = sandbox();
    expect(await runMain([...PAIR_WORDS, ...words], host)).toBe(64);
    expect(host.err()).toContain(message);
  });
});

describe("--slot with --rerun", () => {
  const again = (time: string) => ["--slot", `2026-11-${time}:00Z`, "--rerun"];

  test("runs a slot again, also an old one, and leaves the newest slot recorded", async () => {
    const box = machine();
    await box.start("09:30:00", "--slot", "2026-11-22T09:30:00Z");
    await box.start("09:31:00", "--slot", "2026-11-23T09:30:00Z");
    await box.start("09:32:00", ...again("23T09:30"));
    await box.start("09:33:00", ...again("22T09:30"));
    expect(await box.start("09:34:00")).toBe(0);
    expect((await box.told()).reverse()).toEqual([
      "succeeded 2026-11-22T09:30",
      "succeeded 2026-11-23T09:30",
      "succeeded 2026-11-23T09:30",
      "succeeded 2026-11-22T09:30",
      "slot-done -",
    ]);
  });

  test("records a slot that is newer than the recorded one", async () => {
    const box = machine();
    await box.start("09:30:00", ...again("23T09:30"));
    await box.start("09:31:00");
    expect(await box.told()).toEqual(["slot-done -", "succeeded 2026-11-23T09:30"]);
  });

  test("does not run a slot that is not due", async () => {
    const box = machine({ timezone: "UTC" });
    expect(await box.start("09:32:00", ...again("23T09:31"), "--skip-exit-code", "99")).toBe(99);
    expect(box.runs()).toBe(0);
  });

  test("is an overlap while the first run is still running", async () => {
    const box = machine({}, { script: "touch $HOME/started; while [ ! -e $HOME/finish ]; do sleep 0.05; done" });
    const running = box.start("09:30:00");
    await untilFile(box.file("started"));
    await box.start("09:31:00", ...again("23T09:30"));
    writeFileSync(box.file("finish"), "");
    await running;
    expect(await box.told()).toEqual(["overlap 2026-11-23T09:30", "succeeded 2026-11-23T09:30"]);
  });
});

describe("a machine whose time zone has changed since the install", () => {
  /** Points /etc/localtime elsewhere. */
  function setZone(root: string, zone: string) {
    const path = join(root, "etc/localtime");
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path)) unlinkSync(path);
    const file = join(root, "usr/share/zoneinfo", zone);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, zone);
    symlinkSync(`/usr/share/zoneinfo/${zone}`, path);
  }

  function moved(entry: Partial<StoredEntry>) {
    const zones = recordZones(["UTC", "Europe/London"], {
      at: new Date("2026-11-01T00:00:00Z"),
      data: process.versions["tz"] ?? "",
      localtime: "link /usr/share/zoneinfo/UTC",
    });
    const box = machine(entry, { onHost: { zones } });
    setZone(box.host.root, "UTC");
    return { ...box, move: () => setZone(box.host.root, "Europe/Berlin") };
  }

  test("uses the new zone for entries without an own zone, as their crontab lines do", async () => {
    const box = moved({});
    await box.start("2026-11-22T09:30:00");
    box.move();
    await box.start("08:30:00");
    expect(await box.told()).toEqual(["succeeded 2026-11-23T08:30", "succeeded 2026-11-22T09:30"]);
    expect(box.host.err()).toBe("");
  });

  test("is reported once a day for entries with an own zone", async () => {
    const box = moved({ timezone: "Europe/London" });
    await box.start("2026-11-22T09:30:00");
    expect(box.host.err()).toBe("");
    box.move();
    await box.start("08:30:00");
    await box.start("09:30:00");
    expect(box.host.err()).toBe(
      "pipelinewise-sched: testhost now uses time zone Europe/Berlin, but the crontab lines for microserv_1 → redshift and others were generated for UTC and fire at the wrong times. Reinstall the schedule. (Shown once a day.)\n",
    );
    expect((await box.told()).slice(0, 2)).toEqual(["succeeded 2026-11-23T09:30", "not-due -"]);
    await box.start("2026-11-24T08:30:00");
    expect(box.host.err().match(/Shown once a day/g)).toHaveLength(2);
  });
});

test("if the installed cron expressions are invalid, nothing runs and the exit code is 74", async () => {
  const box = machine({ crons: ["61 * * * *"] });
  expect(await box.start("09:30:00")).toBe(74);
  expect(box.host.err()).toContain("the installed cron expressions of microserv_1 → redshift are invalid: minute 61");
  expect(box.runs()).toBe(0);
});
