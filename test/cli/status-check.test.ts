import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { alertStateFile } from "../../src/alerts/places.ts";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { lastRunFile, slotFile, tendFile } from "../../src/storage/paths.ts";
import { leaveDeadLock } from "../run/dead-run.ts";
import { testHost } from "../support/host.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { untilFile } from "../support/wait.ts";

/** Fails while the file `fail` exists, and hangs while the file `hold` exists. */
const SCRIPT = "touch $HOME/started; while [ -e $HOME/hold ]; do sleep 0.05; done; [ ! -e $HOME/fail ]";
const RUN = [...PAIR_WORDS, "--scheduled"];
const HOUR = 3_600_000;

type Box = ReturnType<typeof sandbox>;

async function check(box: Box, { words = [] as readonly string[], now = "2026-11-23T12:01:00Z" } = {}) {
  const host = testHost({ env: box.host.env, cwd: box.home, now: () => new Date(now) });
  const code = await main(["status", "--check", ...words], host);
  return { code, out: host.out(), err: host.err() };
}

async function failingBox(...entries: Parameters<Box["install"]>[0] & object) {
  const box = sandbox(SCRIPT);
  box.install(entries.length === 0 ? [anEntry()] : entries);
  writeFileSync(box.file("fail"), "");
  expect(await runMain(RUN, box.host)).toBe(1);
  return box;
}

describe("status --check", () => {
  test("ends with 0 and one line if nothing needs attention, also before the first run", async () => {
    const box = sandbox(SCRIPT);
    box.install([anEntry(), anEntry({ command: "sync_tables" })]);
    expect(await check(box)).toEqual({ code: 0, out: "ok: 2 of 2 entries checked\n", err: "" });
    expect(await runMain(RUN, box.host)).toBe(0);
    expect(await check(box)).toEqual({ code: 0, out: "ok: 2 of 2 entries checked\n", err: "" });
  });

  test("ends with 1 and a line if the newest run of an entry failed, until one succeeds", async () => {
    const box = await failingBox();
    const { code, out } = await check(box);
    expect({ code, out }).toEqual({
      code: 1,
      out: expect.stringMatching(/^microserv_1 → redshift failed at 2026-11-23 12:00Z; exit code 1; log: \/.*\.log\n$/),
    });
    rmSync(box.file("fail"));
    expect(await runMain(PAIR_WORDS, { ...box.host, now: () => new Date("2026-11-23T12:05:00Z") })).toBe(0);
    expect(await check(box, { now: "2026-11-23T12:06:00Z" })).toMatchObject({ code: 0 });
  });

  test("ends with 1 for a run that timed out, with one line for each reason", async () => {
    const box = sandbox(SCRIPT);
    const policies = { timeoutMs: 50, freshWithinMs: HOUR };
    box.install([anEntry({ policies, since: "2026-11-23T10:00:00.000Z" })]);
    writeFileSync(box.file("hold"), "");
    expect(await runMain(RUN, box.host)).toBe(124);
    const { code, out } = await check(box);
    expect(code).toBe(1);
    expect(out.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^microserv_1 → redshift timed-out at /),
      "microserv_1 → redshift is late by 1 h 1 min; it has never succeeded",
    ]);
  });

  test("ends with 1 for a run that was lost, before a start has recorded it", async () => {
    const box = sandbox(SCRIPT);
    box.install();
    leaveDeadLock(box.paths);
    const { code, out } = await check(box);
    expect({ code, out }).toEqual({ code: 1, out: expect.stringMatching(/^microserv_1 → redshift lost at .*\n$/) });
    expect(await box.records()).toEqual([]);
  });

  test("ends with 1 while a run is overdue", async () => {
    const box = sandbox(SCRIPT);
    box.install([anEntry({ policies: { runningLongerThanMs: HOUR } })]);
    writeFileSync(box.file("hold"), "");
    const running = runMain(RUN, box.host);
    await untilFile(box.file("started"));
    const early = await check(box, { now: "2026-11-23T13:00:00Z" });
    const { code, out } = await check(box, { now: "2026-11-23T13:00:01Z" });
    rmSync(box.file("hold"));
    await running;
    expect(early.code).toBe(0);
    expect({ code, out }).toEqual({
      code: 1,
      out: "microserv_1 → redshift is overdue: it has been running since 2026-11-23 12:00:00Z (1 h)\n",
    });
  });

  test("ends with 1 if a receiver does not accept alerts, as long as that is so", async () => {
    const box = sandbox(SCRIPT);
    box.install();
    const path = alertStateFile(box.paths, "pipelinewise");
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const receiver = `slack \${env:SLACK}`;
    const faults = { [receiver]: { reason: "it answered 404", since: "2026-11-23T10:00:00.000Z" } };
    writeFileSync(path, JSON.stringify({ incidents: {}, faults, dropped: 0 }), { mode: 0o600 });
    expect(await check(box)).toMatchObject({
      code: 1,
      out: `alerts of schedule pipelinewise have not been sent to ${receiver} since 2026-11-23 10:00:00Z: it answered 404.\n`,
    });
    writeFileSync(path, JSON.stringify({ incidents: {}, faults: {}, dropped: 0 }), { mode: 0o600 });
    expect(await check(box)).toMatchObject({ code: 0 });
  });

  test("ends with 1 if tend does not run, or if one of its parts fails", async () => {
    const box = sandbox(SCRIPT);
    box.install([anEntry()], { retention: {} }, { lines: ["* * * * *"] });
    expect(await check(box)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^tend of schedule pipelinewise has never run/),
    });
    const path = tendFile(box.paths, "pipelinewise");
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const metrics = { message: "the disk is full", since: "2026-11-23T10:00:00.000Z", warned: "2026-11-23" };
    writeFileSync(path, JSON.stringify({ slot: "2026-11-23T12:00:00.000Z", host: "etl-1", faults: { metrics } }));
    expect(await check(box)).toMatchObject({
      code: 1,
      out: 'tend of schedule pipelinewise: its part "metrics" has failed since 2026-11-23 10:00:00Z: the disk is full\n',
    });
  });

  test.each<[string, (box: Box) => unknown]>([
    ["paused", (box) => main(["pause", ...PAIR_WORDS], box.host)],
    ["paused in the schedule file", (box) => box.install([anEntry({ policies: { enabled: false } })])],
    [
      "disabled in PipelineWise",
      (box) => {
        const config = { targets: [{ id: "redshift", taps: [{ id: "microserv_1", enabled: false }] }] };
        writeFileSync(join(box.paths.configDir, "config.json"), JSON.stringify(config), { mode: 0o600 });
      },
    ],
  ])("does not count an entry that failed and is %s", async (_, turnOff) => {
    const box = await failingBox();
    await turnOff(box);
    expect(await check(box)).toEqual({ code: 0, out: "ok: 0 of 1 entries checked; 1 paused or disabled\n", err: "" });
  });

  test("checks only the selected entries", async () => {
    const box = await failingBox(anEntry(), anEntry({ tap: "microserv_2" }));
    expect(await check(box, { words: ["--tap", "microserv_2"] })).toMatchObject({ code: 0 });
    expect(await check(box, { words: ["--tap", "microserv_1"] })).toMatchObject({ code: 1 });
  });

  test.each([[[]], [["--tap", "microserv_8"]], [["--name", "other"]]])(
    "ends with 66 if %j selects no installed entry",
    async (words) => {
      const box = sandbox(SCRIPT);
      if (words.length > 0) box.install();
      expect(await check(box, { words })).toMatchObject({ code: 66, out: "" });
    },
  );

  test("does not ask PipelineWise", async () => {
    const box = sandbox("touch $HOME/asked");
    box.install();
    await check(box);
    expect(() => rmSync(box.file("asked"))).toThrow(/ENOENT/);
  });

  test("cannot be combined with --json", async () => {
    const box = sandbox(SCRIPT);
    box.install();
    expect(await check(box, { words: ["--json"] })).toMatchObject({ code: 64, out: "" });
  });

  test("never ends with 0 if the newest runs or the slot of an entry cannot be read", async () => {
    const box = sandbox(SCRIPT);
    box.install();
    expect(await runMain(RUN, box.host)).toBe(0);
    const path = lastRunFile(box.paths, { tap: "microserv_1", target: "redshift", dataDiff: false });
    rmSync(path);
    mkdirSync(path);
    expect(await check(box)).toEqual({ code: 74, out: "", err: expect.stringContaining(path) });
    rmSync(path, { recursive: true });
    const entry = { tap: "microserv_1", target: "redshift", command: "run_tap" } as const;
    const ahead = { slot: "2027-11-23T12:00:00.000Z", host: "other", run: "x" };
    writeFileSync(slotFile(box.paths, entry, "run_tap"), JSON.stringify(ahead), { mode: 0o600 });
    expect(await check(box)).toEqual({
      code: 74,
      out: "",
      err: expect.stringMatching(/^warning: scheduled starts are blocked: /),
    });
  });

  test("prints a known reason, and the warning, if the state of another entry cannot be read", async () => {
    const box = await failingBox(anEntry(), anEntry({ tap: "microserv_2" }));
    const path = lastRunFile(box.paths, { tap: "microserv_2", target: "redshift", dataDiff: false });
    mkdirSync(path, { recursive: true });
    expect(await check(box)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^microserv_1 → redshift failed/),
      err: expect.stringContaining(path),
    });
  });
});
