import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { tendMain } from "../../src/cli/tend-command.ts";
import { readStored } from "../../src/installed/store.ts";
import { listLocks, pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import type { LockClock } from "../../src/lock/processes.ts";
import { LOCK_TIMING } from "../../src/lock/timing.ts";
import { tendLockOf } from "../../src/pipeline-id.ts";
import { lockDirectory, tendFile, wrapperLogFile } from "../../src/storage/paths.ts";
import type { TendContext, TendPart } from "../../src/tend/part.ts";
import { TEND_PARTS, tend } from "../../src/tend/tend.ts";
import { DEAD_RUN, leaveDeadLock } from "../run/dead-run.ts";
import { sandbox } from "../support/sandbox.ts";
import { waitFor } from "../support/wait.ts";

type Box = ReturnType<typeof sandbox>;

/** A box with an installed schedule, and what `tend` gets in it. */
async function tended(changes: Parameters<typeof sandbox>[1] = {}) {
  const box = sandbox("exit 0", changes);
  box.install();
  return { ...box, context: await contextOf(box) };
}

async function contextOf({ host, paths }: Box, changes: Partial<Box["host"]> = {}): Promise<Omit<TendContext, "log">> {
  const installed = await readStored(paths, "pipelinewise", host);
  if (installed?.host === undefined) throw new Error("nothing is installed");
  const here = { ...host, ...changes };
  return { host: here, paths, schedule: installed.storedSchedule, install: installed.host, at: here.now() };
}

const OTHER_BOOT = "ffffffff-0000-0000-0000-000000000000";

const part = (name: string, run: () => Promise<void>, more: Partial<TendPart> = {}): TendPart => ({
  name,
  load: async () => run,
  ...more,
});

const at = (time: string) => ({ now: () => new Date(`2026-11-23T${time}Z`) });

describe("tend", () => {
  test("works once for each five minutes, whichever host comes first", async () => {
    const box = await tended();
    const worked: string[] = [];
    const tendAt = async (name: string, time: string) => {
      const context = await contextOf(box, { name, ...at(time) });
      await tend(context, { parts: [part("work", async () => void worked.push(`${name} ${time}`))] });
    };
    for (const [name, time] of [
      ["a", "12:00:01"],
      ["b", "12:00:02"],
      ["a", "12:04:59"],
      ["b", "12:05:01"],
      ["a", "12:05:02"],
      // The clock of this host is behind.
      ["c", "12:04:50"],
    ] as const) {
      await tendAt(name, time);
    }
    expect(worked).toEqual(["a 12:00:01", "b 12:05:01"]);
  });

  test("works again if the recorded slot is in the future, because a clock was wrong", async () => {
    const { context, paths } = await tended();
    const path = tendFile(paths, "pipelinewise");
    mkdirSync(dirname(path), { mode: 0o700 });
    writeFileSync(path, JSON.stringify({ slot: "2027-01-01T00:00:00.000Z", host: "a", faults: {} }), { mode: 0o600 });
    let worked = 0;
    await tend(context, { parts: [part("work", async () => void worked++)] });
    expect(worked).toBe(1);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ slot: "2026-11-23T12:00:00.000Z" });
  });

  test("takes over from a host that died while it tended, after that host has been silent for a lease", async () => {
    const { paths, context } = await tended();
    const owner = { host: "other", bootId: OTHER_BOOT, heartbeatMs: 100 };
    leaveDeadLock(paths, owner, tendLockOf("pipelinewise"));
    /** Advances only while this host watches the other one. */
    let waitedMs = 0;
    const clock: LockClock = {
      sinceBootMs: () => waitedMs,
      async pause(ms) {
        waitedMs += ms;
        await new Promise(setImmediate);
      },
    };
    const workedAt: number[] = [];
    const parts = [part("work", async () => void workedAt.push(waitedMs))];
    // The other host counts as running for three heartbeats.
    await waitFor("the take-over", 60_000, async () => {
      await tend(context, { parts, locks: pipelineLocks({ clock }) });
      return workedAt.length > 0 || undefined;
    });
    expect(workedAt).toEqual([waitedMs]);
    expect(waitedMs).toBeGreaterThanOrEqual(LOCK_TIMING.leaseMs);
    expect(JSON.parse(readFileSync(tendFile(paths, "pipelinewise"), "utf8"))).toMatchObject({ host: "testhost" });
    expect(existsSync(lockDirectory(paths, tendLockOf("pipelinewise")))).toBe(false);
  });

  test("a second one does nothing while the first one works", async () => {
    const { context } = await tended();
    let worked = 0;
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const first = tend(context, {
      parts: [
        part("work", async () => {
          begin();
          await gate;
        }),
      ],
    });
    await begun;
    await tend(context, { parts: [part("work", async () => void worked++)] });
    go();
    await first;
    expect(worked).toBe(0);
  });

  test.each<[name: string, broken: TendPart, message: string]>([
    ["fails", part("broken", async () => Promise.reject(new Error("no room"))), "no room"],
    ["does not load", { name: "broken", load: async () => Promise.reject(new Error("gone")) }, "gone"],
    ["hangs", part("broken", () => new Promise(() => {}), { limitMs: 20 }), "has not ended after 0.02 s"],
  ])("a part that %s does not stop the others, and is reported once a day", async (_, broken, message) => {
    const box = await tended();
    const worked: string[] = [];
    const parts = [
      part("first", async () => void worked.push("first")),
      broken,
      part("last", async () => void worked.push("last")),
    ];
    await tend(box.context, { parts });
    await tend(await contextOf(box, at("12:05:00")), { parts });
    expect(worked).toEqual(["first", "last", "first", "last"]);
    expect(box.host.err().match(/broken: .*/g)).toEqual([expect.stringContaining(message)]);
    const { faults } = JSON.parse(readFileSync(tendFile(box.paths, "pipelinewise"), "utf8"));
    expect(faults).toEqual({
      broken: { message: expect.stringContaining(message), since: "2026-11-23T12:00:00.000Z", warned: "2026-11-23" },
    });
    expect(readFileSync(wrapperLogFile(box.paths, "testhost"), "utf8").match(/a part of tend failed/g)).toHaveLength(2);
    await tend(await contextOf(box, { now: () => new Date("2026-11-24T00:00:00Z") }), { parts });
    expect(box.host.err().match(/broken: /g)).toHaveLength(2);
  });

  test("a part that works again is no longer among the faults, and a long part keeps its own", async () => {
    const box = await tended();
    const bad = async () => Promise.reject(new Error("bad"));
    await tend(box.context, { parts: [part("a", bad), part("slow", bad, { isLong: true })] });
    const faultsNow = () => Object.keys(JSON.parse(readFileSync(tendFile(box.paths, "pipelinewise"), "utf8")).faults);
    expect(faultsNow()).toEqual(["a", "slow"]);
    await tend(await contextOf(box, at("12:05:00")), {
      parts: [part("a", async () => {}), part("slow", bad, { isLong: true })],
    });
    expect(faultsNow()).toEqual(["slow"]);
    await tend(await contextOf(box, at("12:10:00")), { parts: [part("slow", async () => {}, { isLong: true })] });
    expect(faultsNow()).toEqual([]);
  });

  test("does not load a part that the schedule does not use", async () => {
    const { context } = await tended();
    let loads = 0;
    const unused = part("unused", async () => void loads++, { isUsedBy: () => false });
    await tend(context, { parts: [unused] });
    expect(loads).toBe(0);
  });

  test("does its work without a log that cannot be opened", async () => {
    const { context, paths } = await tended();
    mkdirSync(wrapperLogFile(paths, "testhost"));
    let loads = 0;
    await tend(context, { parts: [part("one", async () => void loads++)] });
    expect(loads).toBe(1);
  });

  test("a long part runs without the lock", async () => {
    const { context, paths } = await tended();
    const held: boolean[] = [];
    const look = async () => void held.push(existsSync(lockDirectory(paths, tendLockOf("pipelinewise"))));
    await tend(context, { parts: [part("long", look, { isLong: true }), part("short", look)] });
    expect(held).toEqual([true, false]);
  });

  test("its lock is not among the locks of pipelines", async () => {
    const { context, paths, host } = await tended();
    const seen: unknown[] = [];
    await tend(context, { parts: [part("work", async () => void seen.push(...(await listLocks(paths))))] });
    expect(seen).toEqual([]);
    expect(await main(["unlock"], host)).toBe(0);
    expect(host.out()).toBe("No lock is held.\n");
  });
});

describe("the part for lost runs", () => {
  test("records a run whose wrapper died, once, and reports it", async () => {
    const box = await tended();
    leaveDeadLock(box.paths);
    expect(await tendMain([], box.host)).toBe(0);
    await tend(await contextOf(box, at("12:05:00")));
    expect(await box.records()).toMatchObject([{ id: DEAD_RUN.id, outcome: "lost" }]);
    expect(box.host.err()).toMatch(/^pipelinewise-sched: microserv_1 → redshift: the run of .* was lost: .*\n$/);
    expect(box.host.err()).toContain("found by tend, on host testhost");
  });

  test("two at once record a lost run once", async () => {
    const box = await tended();
    leaveDeadLock(box.paths);
    const [work] = TEND_PARTS;
    const log = { info() {}, warn() {}, error() {} };
    const run = async (name: string) => (await work?.load())?.({ ...(await contextOf(box, { name })), log });
    await Promise.all([run("a"), run("b"), run("c")]);
    expect(await box.records()).toHaveLength(1);
  });

  test("leaves alone the run of another host whose lease has not passed", async () => {
    const box = await tended();
    leaveDeadLock(box.paths, { host: "other", bootId: OTHER_BOOT });
    expect(await tendMain([], box.host)).toBe(0);
    expect(await box.records()).toEqual([]);
    expect(
      readdirSync(lockDirectory(box.paths, { tap: "microserv_1", target: "redshift", dataDiff: false })),
    ).toHaveLength(1);
  });
});

describe("the arguments of tend", () => {
  test.each<[words: readonly string[], code: number, message: RegExp]>([
    [["--nonsense"], 64, /tend: .*--nonsense/],
    [["extra"], 64, /tend: .*extra/],
    [["--schedule", "A B"], 64, /--schedule: "A B" is not a safe name/],
    [
      ["--schedule", "other"],
      66,
      /no schedule named other is installed in .*\n {2}Installed: pipelinewise\. Choose one with --schedule NAME/,
    ],
  ])("%j end with %i", async (words, code, message) => {
    const { host } = await tended();
    expect(await tendMain(words, host)).toBe(code);
    expect(host.err()).toMatch(message);
  });

  test("a host that never installed the schedule is told how to", async () => {
    const { host } = await tended();
    expect(await tendMain([], { ...host, name: "elsewhere" })).toBe(66);
    expect(host.err()).toMatch(
      /was never installed on host elsewhere\n {2}Install it again: pipelinewise-sched install /,
    );
  });
});
