import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { entryWords } from "../../src/command-line.ts";
import { userName } from "../../src/host.ts";
import type { StoredEntry } from "../../src/installed/schedule.ts";
import { readStored } from "../../src/installed/store.ts";
import { needsTend } from "../../src/installed/tend-needs.ts";
import { openEntryStore } from "../../src/run/pipeline-store.ts";
import { installFile, placesDir, slotFile } from "../../src/storage/paths.ts";
import { catchUp } from "../../src/tend/catch-up.ts";
import { anEntry, hasWaiter, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { until, untilFile } from "../support/wait.ts";

const HOUR = 3_600_000;
const HOURLY = ["0 * * * *"];
const NIGHTLY = ["0 3 * * *"];

/** An entry that has had its times for long, and catches up. */
const catching = (changes: Partial<StoredEntry> = {}): StoredEntry =>
  anEntry({
    crons: NIGHTLY,
    since: "2026-01-01T00:00:00.000Z",
    ...changes,
    policies: { catchUpMs: 12 * HOUR, ...changes.policies },
  });

/** A cluster whose clock the test sets. */
function cluster(
  entries: readonly StoredEntry[],
  { script = "exit 0", ...more }: { readonly script?: string } & Parameters<Box["install"]>[1] & object = {},
) {
  const box = sandbox(script);
  box.install(entries, more);
  const { paths } = box;
  const installed = JSON.parse(readFileSync(installFile(paths, "pipelinewise", "testhost"), "utf8"));
  writeFileSync(installFile(paths, "pipelinewise", "other"), JSON.stringify({ ...installed, host: "other" }), {
    mode: 0o600,
  });
  let now = 0;
  const setClock = (time: string): void => {
    now = Date.parse(`${time}Z`);
  };
  const hostNamed = (name: string) => ({ ...box.host, name, now: () => new Date(now) });
  const run = (entry: StoredEntry, name = "testhost") =>
    runMain([...entryWords(entry), "--scheduled"], hostNamed(name));
  /** The starts of `tend`, with their times. */
  const starts: string[] = [];
  const log = { info() {}, warn() {}, error() {} };
  const contextOf = async (name: string, env = box.host.env) => {
    const host = { ...hostNamed(name), env };
    const stored = await readStored(paths, "pipelinewise", host);
    if (stored?.host === undefined) throw new Error("nothing is installed");
    return { host, paths, schedule: stored.storedSchedule, install: stored.host, at: host.now(), log };
  };
  const wait = async (ms: number) => {
    now += ms;
  };
  return {
    ...box,
    setClock,
    run,
    starts,
    contextOf,
    /** A start by the scheduler. */
    startAt: (time: string, entry: StoredEntry, name?: string) => {
      setClock(time);
      return run(entry, name);
    },
    /** Catches up as the `tend` of a time does. Each start has ended when the next one begins. */
    async tendAt(time: string, { name = "testhost", env = box.host.env, during = async () => {} } = {}) {
      setClock(time);
      const start = async (entry: StoredEntry) => {
        starts.push(`${new Date(now).toISOString().slice(11, 19)} ${entry.tap}`);
        await run(entry, name);
      };
      const waiting = async (ms: number) => {
        await wait(ms);
        await during();
      };
      await catchUp(await contextOf(name, env), { start, wait: waiting });
    },
    /** The history, oldest first. */
    async history() {
      const records = await box.records();
      return records
        .map(({ slot, outcome, reason, detail, startedAt }) => ({ slot, outcome, reason, detail, startedAt }))
        .sort((one, other) => (one.startedAt < other.startedAt ? -1 : 1))
        .map(({ startedAt: _, ...rest }) => rest);
    },
  };
}
type Box = ReturnType<typeof sandbox>;

const slotsOf = async (box: ReturnType<typeof cluster>, outcome = "succeeded") =>
  (await box.history()).filter((one) => one.outcome === outcome).map(({ slot }) => slot);

test("a schedule needs tend if one of its entries catches up", () => {
  expect(needsTend({ entries: [anEntry(), catching()] })).toBe(true);
  expect(needsTend({ entries: [anEntry()] })).toBe(false);
});

describe("after downtime", () => {
  test("of three hours, the newest missed slot runs once, and its record counts the earlier ones", async () => {
    const entry = catching({ crons: HOURLY });
    const box = cluster([entry]);
    await box.startAt("2026-11-23T09:00:01", entry);
    await box.tendAt("2026-11-23T12:30:00");
    await box.tendAt("2026-11-23T12:35:00");
    await box.startAt("2026-11-23T13:00:01", entry);
    await box.tendAt("2026-11-23T13:05:00");
    expect(await box.history()).toEqual([
      { slot: "2026-11-23T09:00:00.000Z", outcome: "succeeded", reason: undefined, detail: expect.any(String) },
      {
        slot: "2026-11-23T12:00:00.000Z",
        outcome: "succeeded",
        reason: undefined,
        detail: "caught up on the missed due time 2026-11-23 12:00Z; missed 2 earlier due times",
      },
      { slot: "2026-11-23T13:00:00.000Z", outcome: "succeeded", reason: undefined, detail: undefined },
    ]);
    expect(box.starts).toEqual(["12:31:00 microserv_1"]);
  });

  test("40 pipelines start once each, spread over three minutes after the first minute", async () => {
    const entries = Array.from({ length: 40 }, (_, index) => catching({ tap: `tap_${index}` }));
    const box = cluster(entries);
    const context = async (time: string) => {
      box.setClock(time);
      return box.contextOf("testhost");
    };
    const started: string[] = [];
    const waits: number[] = [];
    const parts = {
      // As a run that handles its slot.
      start: async (entry: StoredEntry) => {
        started.push(entry.tap);
        const { slots } = openEntryStore(entry, {
          paths: box.paths,
          host: (await context("2026-11-23T07:01:00")).host,
        });
        await (await slots.claim({ slot: new Date("2026-11-23T03:00:00Z"), run: entry.tap })).commit();
      },
      wait: async (ms: number) => void waits.push(ms),
    };
    await catchUp(await context("2026-11-23T07:00:00"), parts);
    await catchUp(await context("2026-11-23T07:05:00"), parts);
    expect(started).toEqual(entries.map(({ tap }) => tap));
    expect(waits).toEqual([60_000, ...entries.slice(1).map(() => 4_500)]);
  });

  test.each<[title: string, crons: readonly string[], handled: string, tend: string, slot: string]>([
    ["the skipped hour of spring", ["30 1 * * *"], "2026-03-28T01:30", "2026-03-29T06", "2026-03-29T01:00"],
    ["the first pass of a repeated hour", ["30 1 * * *"], "2026-10-24T00:30", "2026-10-25T01", "2026-10-25T00:30"],
    ["the second pass of a repeated hour", ["30 * * * *"], "2026-10-24T23:30", "2026-10-25T01", "2026-10-25T01:30"],
  ])("that includes %s, a slot runs once", async (_, crons, handled, time, slot) => {
    const entry = catching({ crons, timezone: "Europe/London" });
    const box = cluster([entry]);
    await box.startAt(handled, entry);
    for (const minute of ["40", "45", "50"]) await box.tendAt(`${time}:${minute}`);
    expect(await slotsOf(box)).toEqual([`${handled}:00.000Z`, `${slot}:00.000Z`]);
    expect(box.starts).toHaveLength(1);
  });

  test("a host that wakes up leaves the slot to cron's own late start", async () => {
    const entry = catching();
    const box = cluster([entry]);
    let isAwake = false;
    const during = async () => {
      if (isAwake) return;
      isAwake = true;
      await box.run(entry);
    };
    await box.tendAt("2026-11-23T03:40:00", { during });
    expect(box.starts).toEqual([]);
    expect(await slotsOf(box)).toEqual(["2026-11-23T03:00:00.000Z"]);
  });

  test("two hosts that tend at once, and a late start of cron, run the slot once", async () => {
    const entry = catching();
    const box = cluster([entry]);
    box.setClock("2026-11-23T07:00:00");
    const running: Promise<unknown>[] = [];
    const tendOf = async (name: string) => {
      const start = async () => void running.push(box.run(entry, name));
      await catchUp(await box.contextOf(name), { start, wait: async () => {} });
    };
    await Promise.all([tendOf("testhost"), tendOf("other"), box.run(entry), box.run(entry, "other")]);
    await Promise.all(running);
    expect(await slotsOf(box)).toEqual(["2026-11-23T03:00:00.000Z"]);
    const others = (await box.history()).filter(({ outcome }) => outcome !== "succeeded");
    expect(others.every(({ outcome, slot }) => outcome === "skipped" && slot === undefined)).toBe(true);
  });

  test("the next tend starts the rest if one is killed between two starts", async () => {
    const entries = [1, 2, 3].map((number) => catching({ tap: `tap_${number}` }));
    const box = cluster(entries);
    let waits = 0;
    const during = async () => {
      if (++waits === 2) throw new Error("killed");
    };
    await expect(box.tendAt("2026-11-23T07:00:00", { during })).rejects.toThrow("killed");
    await box.tendAt("2026-11-23T07:05:00", { name: "other" });
    expect(box.starts).toEqual(["07:01:00 tap_1", "07:06:00 tap_2", "07:06:15 tap_3"]);
  });

  test("a start of a candidate line catches up too, instead of giving the slot up as too late", async () => {
    const entry = catching();
    const box = cluster([entry]);
    await box.startAt("2026-11-23T09:30:00", entry);
    await box.startAt("2026-11-24T15:00:01", entry);
    expect((await box.history()).map(({ slot, outcome, reason }) => ({ slot, outcome, reason }))).toEqual([
      { slot: "2026-11-23T03:00:00.000Z", outcome: "succeeded", reason: undefined },
      { slot: "2026-11-24T03:00:00.000Z", outcome: "skipped", reason: "too-late" },
    ]);
  });
});

test("a late start that waits for another run, and then runs a newer slot, has not caught up", async () => {
  const entry = catching({ crons: HOURLY, policies: { onOverlap: { waitMs: HOUR } } });
  const box = cluster([entry], { script: "touch $HOME/started; while [ -e $HOME/hold ]; do sleep 0.05; done" });
  await box.startAt("2026-11-23T02:00:01", entry);
  rmSync(box.file("started"));
  writeFileSync(box.file("hold"), "");
  const byHand = runMain(PAIR_WORDS, box.host);
  await untilFile(box.file("started"));
  const late = box.startAt("2026-11-23T03:10:00", entry);
  await until("the start waits", () => hasWaiter(box.paths));
  box.setClock("2026-11-23T04:00:30");
  rmSync(box.file("hold"));
  await Promise.all([byHand, late]);
  const records = new Map((await box.history()).map((record) => [record.slot, record]));
  expect(records.get("2026-11-23T03:00:00.000Z")).toMatchObject({ outcome: "skipped", reason: "overlap" });
  expect(records.get("2026-11-23T04:00:00.000Z")).toMatchObject({ outcome: "succeeded", detail: undefined });
});

describe("tend starts nothing for a slot", () => {
  test.each<[title: string, changes: Partial<StoredEntry>, time: string]>([
    ["that is not older than five minutes", {}, "2026-11-23T03:05:00"],
    ["that is older than catch_up", {}, "2026-11-23T15:00:01"],
    ["from before the install", { since: "2026-11-23T03:00:00.001Z", crons: ["59 2 * * *"] }, "2026-11-23T07:00:00"],
    ["of an entry that has had its times since an unknown time", { since: undefined }, "2026-11-23T07:00:00"],
    ["of an entry without catch_up", { policies: { catchUpMs: undefined } }, "2026-11-23T07:00:00"],
    ["of an entry without times", { crons: [], after: [{ tap: "a", target: "b" }] }, "2026-11-23T07:00:00"],
  ])("%s", async (_, changes, time) => {
    const box = cluster([catching(changes)]);
    await box.tendAt(time);
    expect(box.starts).toEqual([]);
  });

  test("that was skipped on purpose", async () => {
    const entry = catching();
    const box = cluster([entry], { script: "touch $HOME/started; while [ -e $HOME/hold ]; do sleep 0.05; done" });
    writeFileSync(box.file("hold"), "");
    box.setClock("2026-11-23T02:00:00");
    const byHand = runMain(PAIR_WORDS, box.host);
    await untilFile(box.file("started"));
    await box.startAt("2026-11-23T03:00:01", entry);
    rmSync(box.file("hold"));
    await byHand;
    await box.tendAt("2026-11-23T07:00:00");
    expect(box.starts).toEqual([]);
    expect(await slotsOf(box, "skipped")).toEqual(["2026-11-23T03:00:00.000Z"]);
  });

  test("while a run of its pipeline is running", async () => {
    const entry = catching();
    const box = cluster([entry], { script: "touch $HOME/started; while [ -e $HOME/hold ]; do sleep 0.05; done" });
    writeFileSync(box.file("hold"), "");
    const byHand = runMain(PAIR_WORDS, box.host);
    await untilFile(box.file("started"));
    await box.tendAt("2026-11-23T07:00:00");
    const whileRunning = [...box.starts];
    rmSync(box.file("hold"));
    await byHand;
    await box.tendAt("2026-11-23T07:05:00");
    expect(whileRunning).toEqual([]);
    expect(box.starts).toEqual(["07:06:00 microserv_1"]);
  });

  test.each(["AIRFLOW_CTX_DAG_ID", "CRONICLE"])("if %s says that another scheduler has started tend", async (name) => {
    const box = cluster([catching()]);
    await box.tendAt("2026-11-23T07:00:00", { env: { ...box.host.env, [name]: "1" } });
    expect(box.starts).toEqual([]);
  });

  test("while the crontab cannot be read, and the error names the reason", async () => {
    const box = cluster([catching()]);
    writeFileSync(join(box.bin, "crontab"), "#!/bin/sh\necho the spool is gone >&2\nexit 1\n", { mode: 0o755 });
    const lines = ["0 3 * * * run --scheduled --tap microserv_1 --target redshift"];
    box.install([catching()], {}, { lines, user: userName(box.host) });
    await expect(box.tendAt("2026-11-23T08:00:00")).rejects.toThrow(
      /microserv_1 .*missed a slot and is not started: could not check whether .*the spool is gone/s,
    );
    expect(box.starts).toEqual([]);
  });

  test("of an entry whose line is no longer in the crontab", async () => {
    const box = cluster([catching()]);
    writeFileSync(join(box.bin, "crontab"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    const lines = ["0 3 * * * run --scheduled --tap microserv_1 --target redshift"];
    box.install([catching()], {}, { lines, user: userName(box.host) });
    await box.tendAt("2026-11-23T07:00:00");
    expect(box.starts).toEqual([]);
  });
});

describe("a pause", () => {
  const since = "2026-11-20T12:00:00.000Z";
  test.each<[title: string, entry: StoredEntry, pause: readonly string[], resume: readonly string[]]>([
    ["by the command", catching({ since }), ["pause", ...PAIR_WORDS], ["resume", ...PAIR_WORDS]],
    ["in the schedule file", catching({ since, policies: { enabled: false } }), [], []],
  ])(
    "%s: the missed slot is recorded as skipped, and does not run after the pause",
    async (_, entry, pause, resume) => {
      const box = cluster([entry]);
      if (pause.length > 0) expect(await main(pause, box.host)).toBe(0);
      await box.tendAt("2026-11-23T07:00:00");
      if (resume.length > 0) expect(await main(resume, box.host)).toBe(0);
      box.install([catching({ since })]);
      await box.tendAt("2026-11-23T07:05:00");
      expect(await box.history()).toMatchObject([
        {
          slot: "2026-11-23T03:00:00.000Z",
          outcome: "skipped",
          reason: "paused",
          detail: expect.stringMatching(/^is paused (?!.*caught up).*; missed 2 earlier due times$/),
        },
      ]);
    },
  );

  test("that has ended: a slot that came due during it does not run, but an earlier one does", async () => {
    const entries = [catching(), catching({ tap: "microserv_2", crons: ["0 1 * * *"] })];
    const box = cluster(entries);
    box.setClock("2026-11-23T02:00:00");
    const { host } = await box.contextOf("testhost");
    expect(await main(["pause", "--all", "--for", "4h"], host)).toBe(0);
    await box.tendAt("2026-11-23T07:00:00");
    expect(await box.history()).toMatchObject([
      {
        slot: "2026-11-23T03:00:00.000Z",
        outcome: "skipped",
        reason: "paused",
        detail: expect.stringMatching(/^was paused .* until 2026-11-23 06:00:00Z.* when it was due/),
      },
      { slot: "2026-11-23T01:00:00.000Z", outcome: "succeeded" },
    ]);
  });
});

describe("several entries", () => {
  test("of one pipeline start one after the other", async () => {
    const box = cluster([catching(), catching({ command: "run_tap", id: "more", crons: ["0 4 * * *"] })]);
    await box.tendAt("2026-11-23T07:00:00");
    expect(await slotsOf(box)).toEqual(["2026-11-23T03:00:00.000Z"]);
    await box.tendAt("2026-11-23T07:05:00");
    expect(await slotsOf(box)).toEqual(["2026-11-23T03:00:00.000Z", "2026-11-23T04:00:00.000Z"]);
  });

  test("start only while their limits have room, and the next tend starts the rest", async () => {
    const entries = [1, 2].map((number) => catching({ tap: `tap_${number}` }));
    const box = cluster(entries, {
      script: "while [ -e $HOME/hold ]; do sleep 0.05; done",
      limits: { host: 1, target: {}, source: {}, queueMs: HOUR },
    });
    writeFileSync(box.file("hold"), "");
    box.setClock("2026-11-23T07:00:00");
    const running: Promise<unknown>[] = [];
    const started: string[] = [];
    const place = join(placesDir(box.paths, "host", "testhost"), "0");
    const start = async (entry: StoredEntry) => {
      started.push(entry.tap);
      running.push(box.run(entry));
      await until("the run has its place", () => existsSync(place));
    };
    await catchUp(await box.contextOf("testhost"), { start, wait: async () => {} });
    expect(started).toEqual(["tap_1"]);
    rmSync(box.file("hold"));
    await Promise.all(running);
    await catchUp(await box.contextOf("testhost"), {
      start: async ({ tap }) => void started.push(tap),
      wait: async () => {},
    });
    expect(started).toEqual(["tap_1", "tap_2"]);
  });

  test("start although the slot of another one cannot be read, which is an error", async () => {
    const entries = [1, 2].map((number) => catching({ tap: `tap_${number}` }));
    const box = cluster(entries);
    await box.startAt("2026-11-22T03:00:01", entries[0] ?? catching());
    const ahead = { slot: "2027-11-23T12:00:00.000Z", host: "far", run: "x" };
    writeFileSync(slotFile(box.paths, entries[0] ?? catching(), "run_tap"), JSON.stringify(ahead), { mode: 0o600 });
    await expect(box.tendAt("2026-11-23T07:00:00")).rejects.toThrow(/^tap_1 → redshift: .*in the future/);
    expect(box.starts).toEqual(["07:01:00 tap_2"]);
  });
});
