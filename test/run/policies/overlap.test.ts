import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { main } from "../../../src/cli/main.ts";
import { runMain } from "../../../src/cli/run-command.ts";
import type { StoredEntry } from "../../../src/installed/schedule.ts";
import { waiterLockOf } from "../../../src/pipeline-id.ts";
import { slotFile } from "../../../src/storage/paths.ts";
import { DAY_MS } from "../../../src/time-units.ts";
import { isRunning } from "../../support/processes.ts";
import { ended } from "../../support/run-program.ts";
import { anEntry, hasWaiter, PAIR_WORDS, sandbox } from "../../support/sandbox.ts";
import { pidIn, until } from "../../support/wait.ts";

const WAITER = waiterLockOf({ tap: "microserv_1", target: "redshift", dataDiff: false });
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const WAIT = { onOverlap: { waitMs: 600_000 } } as const;
const REPLACE = { onOverlap: "replace" } as const;

/** Runs until the file `finish-RUN` exists. The last argument names the run. */
const SCRIPT = `
  [ "$1" = status ] && exit 1
  for last; do :; done
  echo $$ > $HOME/pid-$last
  while [ ! -e $HOME/finish-$last ]; do sleep 0.02; done`;

/** An entry that is due every minute. Its runs know its id. */
const entry = (id: string, changes: Partial<StoredEntry> = {}): StoredEntry =>
  anEntry({ id, crons: ["* * * * *"], since: "2026-01-01T00:00:00.000Z", args: [id], ...changes });

/** Three installed entries of one pipeline, and the built program. `first` is skipped if the pipeline is running. */
function machine(policies: StoredEntry["policies"], script = SCRIPT) {
  const box = sandbox(script);
  box.install([entry("first"), entry("second", { policies }), entry("third", { policies })]);
  const start = (id: string, ...words: readonly string[]) => {
    const child = spawn(process.execPath, [box.host.program, "run", ...PAIR_WORDS, "--id", id, ...words], {
      env: { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" },
      cwd: box.home,
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.stdout.resume();
    return { child, err: () => err, code: ended(child).then(({ code, signal }) => signal ?? code) };
  };
  return {
    ...box,
    start,
    scheduled: (id: string, ...words: readonly string[]) => start(id, "--scheduled", ...words),
    pidOf: (id: string) => pidIn(box.file(`pid-${id}`)),
    finish: (id: string) => writeFileSync(box.file(`finish-${id}`), ""),
    untilWaiting: () => until("a start waits", () => hasWaiter(box.paths)),
    recordOf: async (id: string) => {
      const found = (await box.records()).filter((record) => record.entry === id);
      expect(found).toHaveLength(1);
      return found[0];
    },
  };
}

describe("on_overlap: wait", () => {
  test("a start waits for the running run, is shown by status, and runs as soon as that run has ended", async () => {
    const box = machine(WAIT);
    const first = box.scheduled("first");
    await box.pidOf("first");
    const second = box.start("second");
    await box.untilWaiting();
    expect(existsSync(box.file("pid-second"))).toBe(false);
    await main(["status"], { ...box.host, now: () => new Date() });
    expect(box.host.out()).toMatch(/waiting for the running run since/);
    box.finish("second");
    box.finish("first");
    expect(await Promise.all([first.code, second.code])).toEqual([0, 0]);
    expect(second.err()).toMatch(/second\) is locked by host testhost, pid \d+, since .*; waiting for up to 10 min\n/);
    const [one, two] = [await box.recordOf("first"), await box.recordOf("second")];
    expect([one?.outcome, two?.outcome]).toEqual(["succeeded", "succeeded"]);
    // The run begins after its wait.
    expect(Date.parse(two?.startedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(one?.endedAt ?? "") - 100);
    expect(hasWaiter(box.paths)).toBe(false);
  });

  test("a start whose wait is over is skipped and says how long it waited", async () => {
    const box = machine({ onOverlap: { waitMs: 1_000 } });
    const first = box.scheduled("first");
    await box.pidOf("first");
    expect(await box.scheduled("second").code).toBe(0);
    const record = await box.recordOf("second");
    expect(record).toMatchObject({ outcome: "skipped", reason: "overlap" });
    expect(record?.detail).toMatch(/^is locked by host testhost, pid \d+, since .*; this start waited 1 s$/);
    expect(JSON.parse(readFileSync(slotFile(box.paths, WAITER, "run_tap#second"), "utf8"))).toMatchObject({
      skipped: true,
      slot: record?.slot,
    });
    box.finish("first");
    expect(await first.code).toBe(0);
  });

  test("a start waits longer than the longest timer of Node, which is 24.8 days", async () => {
    const box = machine({ onOverlap: { waitMs: 31 * DAY_MS } });
    const first = box.scheduled("first");
    await box.pidOf("first");
    let isElapsed = false;
    const { setTimeout: start } = globalThis;
    const timers = vi.spyOn(globalThis, "setTimeout").mockImplementation(((done: () => void, ms: number) =>
      ms === LONGEST_TIMER_MS
        ? start(() => {
            isElapsed = true;
            done();
          }, 1)
        : start(done, ms)) as typeof setTimeout);
    onTestFinished(() => timers.mockRestore());
    const second = runMain([...PAIR_WORDS, "--id", "second"], { ...box.host, now: () => new Date() });
    await until("the longest timer has elapsed", () => isElapsed);
    box.finish("second");
    box.finish("first");
    expect(await Promise.all([first.code, second])).toEqual([0, 0]);
  });

  test("while one start waits, another one is skipped", async () => {
    const box = machine(WAIT);
    const first = box.scheduled("first");
    await box.pidOf("first");
    const second = box.scheduled("second");
    await box.untilWaiting();
    expect(await box.start("third").code).toBe(75);
    const record = await box.recordOf("third");
    expect(record).toMatchObject({ outcome: "skipped", reason: "overlap" });
    expect(record?.detail).toContain(`another start already waits (host testhost, pid ${second.child.pid})`);
    box.finish("first");
    box.finish("second");
    expect(await Promise.all([first.code, second.code])).toEqual([0, 0]);
  });

  test("a second start for the slot for which a start waits is skipped as done", async () => {
    const box = machine(WAIT);
    const first = box.scheduled("first");
    await box.pidOf("first");
    const slot = new Date(Math.floor(Date.now() / 60_000) * 60_000).toISOString();
    const second = box.scheduled("second", "--slot", slot);
    await box.untilWaiting();
    expect(await box.scheduled("second", "--slot", slot).code).toBe(0);
    expect((await box.records()).map(({ reason }) => reason)).toEqual(["slot-done"]);
    box.finish("first");
    box.finish("second");
    expect(await Promise.all([first.code, second.code])).toEqual([0, 0]);
  });

  test("a waiting start that is killed is recorded as lost, and does not keep the next one from waiting", async () => {
    const box = machine(WAIT);
    const first = box.scheduled("first");
    await box.pidOf("first");
    const second = box.scheduled("second");
    await box.untilWaiting();
    second.child.kill("SIGKILL");
    expect(await second.code).toBe("SIGKILL");
    const third = box.scheduled("third");
    await until("the lost start is reported", () => third.err().includes("was lost"));
    box.finish("first");
    box.finish("third");
    expect(await Promise.all([first.code, third.code])).toEqual([0, 0]);
    expect((await box.recordOf("third"))?.outcome).toBe("succeeded");
    const lost = await box.recordOf("second");
    expect([lost?.outcome, lost?.log]).toEqual(["lost", undefined]);
    expect(lost?.detail).toContain("its process ended while it waited for the running run");
  });

  test("a start begins when the wrapper of the running run is killed", async () => {
    const box = machine(WAIT);
    const first = box.scheduled("first");
    await box.pidOf("first");
    const second = box.scheduled("second");
    await box.untilWaiting();
    first.child.kill("SIGKILL");
    await box.pidOf("second");
    box.finish("second");
    expect(await second.code).toBe(0);
    expect((await box.recordOf("first"))?.outcome).toBe("lost");
  });

  test("a signal ends the wait at once", async () => {
    const box = machine(WAIT);
    const first = box.scheduled("first");
    await box.pidOf("first");
    const second = box.scheduled("second");
    await box.untilWaiting();
    second.child.kill("SIGTERM");
    expect(await second.code).toBe(143);
    const record = await box.recordOf("second");
    expect(record).toMatchObject({ outcome: "stopped", detail: "was stopped by SIGTERM before it started" });
    expect(hasWaiter(box.paths)).toBe(false);
    box.finish("first");
    expect(await first.code).toBe(0);
  });

  test("`stop` ends the wait, and then the running run", async () => {
    const box = machine(WAIT);
    const first = box.scheduled("first");
    const pipeline = await box.pidOf("first");
    const second = box.scheduled("second");
    await box.untilWaiting();
    expect(await main(["stop", ...PAIR_WORDS], box.host)).toBe(0);
    expect(await Promise.all([first.code, second.code])).toEqual([143, 143]);
    expect(isRunning(pipeline)).toBe(false);
    expect(existsSync(box.file("pid-second"))).toBe(false);
    expect(box.host.out()).toMatch(
      /^microserv_1 → redshift \(waiting start\) no longer waits\nmicroserv_1 → redshift has ended: it was stopped/,
    );
    expect((await box.recordOf("second"))?.detail).toMatch(/^was stopped by \S+ on host testhost before it started$/);
  });

  test.each([
    ["runs a newer slot that came due", undefined, ["succeeded 12:05", "overlap 12:00"]],
    ["runs its own slot if a newer one was skipped", { skipped: true }, ["succeeded 12:00"]],
    ["is skipped if another start ran its slot or a newer one", {}, ["slot-done -"]],
  ])("after the wait, a start %s", async (_, handled, expected) => {
    const box = sandbox(SCRIPT);
    const crons = ["*/5 * * * *"];
    box.install([entry("first", { crons }), entry("second", { crons, policies: WAIT })]);
    let at = "2026-11-23T12:00:00.000Z";
    const host = { ...box.host, now: () => new Date(at) };
    const first = runMain([...PAIR_WORDS, "--id", "first", "--scheduled"], host);
    await pidIn(box.file("pid-first"));
    const second = runMain([...PAIR_WORDS, "--id", "second", "--scheduled"], host);
    await until("a start waits", () => hasWaiter(box.paths));
    at = "2026-11-23T12:07:00.000Z";
    if (handled !== undefined) {
      const path = slotFile(box.paths, WAITER, "run_tap#second");
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const newer = { slot: "2026-11-23T12:05:00.000Z", host: "b", run: "x", ...handled };
      writeFileSync(path, JSON.stringify(newer), { mode: 0o600 });
    }
    writeFileSync(box.file("finish-second"), "");
    writeFileSync(box.file("finish-first"), "");
    expect(await Promise.all([first, second])).toEqual([0, 0]);
    const told = (await box.records())
      .filter((record) => record.entry === "second")
      .map(({ outcome, reason, slot }) => `${reason ?? outcome} ${slot?.slice(11, 16) ?? "-"}`);
    expect(told.sort().reverse()).toEqual(expected);
  });
});

describe("on_overlap: replace", () => {
  test("a start stops the scheduled run that is running, and then runs", async () => {
    const box = machine(REPLACE);
    const first = box.scheduled("first");
    const pipeline = await box.pidOf("first");
    const second = box.scheduled("second");
    await box.pidOf("second");
    expect(isRunning(pipeline)).toBe(false);
    box.finish("second");
    expect(await Promise.all([first.code, second.code])).toEqual([143, 0]);
    const [one, two] = [await box.recordOf("first"), await box.recordOf("second")];
    expect(one).toMatchObject({ outcome: "stopped", exitCode: 143 });
    // On a slow machine, the time at which PipelineWise itself ended may follow.
    const detail = `was stopped by run ${two?.id} on host testhost (on_overlap: replace)`;
    expect(one?.detail?.split(";")[0]).toBe(detail);
    expect(two?.outcome).toBe("succeeded");
  });

  test("a run by hand is never replaced: the start is skipped and says why", async () => {
    const box = machine(REPLACE);
    const first = box.start("first");
    const pipeline = await box.pidOf("first");
    expect(await box.scheduled("second").code).toBe(0);
    expect(isRunning(pipeline)).toBe(true);
    const record = await box.recordOf("second");
    expect(record).toMatchObject({ outcome: "skipped", reason: "overlap" });
    expect(record?.detail).toMatch(/; that run was started by hand, so it is not replaced$/);
    box.finish("first");
    expect(await first.code).toBe(0);
  });

  test("a run that ignores SIGTERM is killed before the start runs", async () => {
    const box = machine(REPLACE, `trap '' TERM\n${SCRIPT}`);
    const first = box.scheduled("first", "--kill-after", "2");
    const pipeline = await box.pidOf("first");
    const second = box.start("second");
    await box.pidOf("second");
    expect(isRunning(pipeline)).toBe(false);
    box.finish("second");
    expect(await Promise.all([first.code, second.code])).toEqual([143, 0]);
    expect(second.err()).toMatch(/is being replaced: sent SIGKILL to the remaining processes/);
  });

  test("a signal ends a replacement", async () => {
    const box = machine(REPLACE, `trap '' TERM\n${SCRIPT}`);
    const first = box.scheduled("first");
    await box.pidOf("first");
    const second = box.start("second");
    await until("the run is being stopped", () => second.err().includes("sent SIGTERM"));
    second.child.kill("SIGINT");
    expect(await second.code).toBe(130);
    expect(hasWaiter(box.paths)).toBe(false);
    first.child.kill("SIGTERM");
    first.child.kill("SIGTERM");
    box.finish("first");
    expect(await first.code).toBe(143);
  });
});
