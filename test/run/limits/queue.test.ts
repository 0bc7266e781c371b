import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runMain } from "../../../src/cli/run-command.ts";
import { type ProcessIdentity, renderToken } from "../../../src/lock/owner-record.ts";
import { readKernel } from "../../../src/lock/processes.ts";
import { renderClaim } from "../../../src/run/limits/claim.ts";
import { openSlots } from "../../../src/slots/store.ts";
import { startTicksOf } from "../../../src/system/proc.ts";
import { testHost } from "../../support/host.ts";
import { anEntry, looseLocks } from "../../support/sandbox.ts";
import { poll } from "../../support/wait.ts";
import { limited } from "./limited.ts";

/** Adds starts that wait for a limit of their own to a queue. @param owner their process */
function fillQueue(
  directory: string,
  { first, count, owner }: { first: number; count: number; owner: ProcessIdentity },
) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const limits = [{ kind: "target", name: "other", places: 0 }] as const;
  const claim = { target: "other", lock: "t", runId: "r", host: "h", since: "2026-11-23T12:00:00.000Z", limits };
  for (let number = first; number < first + count; number++) {
    const name = `${String(number).padStart(10, "0")}.${renderToken(owner, number.toString(16))}.json`;
    writeFileSync(join(directory, name), renderClaim(claim));
  }
}

const built = existsSync("dist/run.cjs");

describe.skipIf(!built)("starts over a limit", () => {
  test("run one after the other, the longest waiting first, and leave no file", async () => {
    const { start, go, notes, untilBegan, untilQueued, filesIn } = limited(["a", "b", "c"], {
      target: { redshift: 1 },
    });
    const starts = [start("a")];
    await untilBegan("a");
    starts.push(start("b"));
    await untilQueued(1);
    starts.push(start("c"));
    await untilQueued(2);
    go("c");
    go("a");
    await untilBegan("b");
    expect(notes()).toEqual(["began a", "ended a", "began b"]);
    go("b");
    expect((await Promise.all(starts.map(({ done }) => done))).map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(notes()).toEqual(["began a", "ended a", "began b", "ended b", "began c", "ended c"]);
    expect(filesIn("queue")).toEqual([]);
    expect(filesIn("target", "redshift")).toEqual([]);
  });

  test("show their limit on stderr by hand, in status and in unlock", async () => {
    const { start, go, call, untilBegan, untilQueued } = limited(["a", "b"], { target: { redshift: 1 }, host: 4 });
    const first = start("a");
    await untilBegan("a");
    const second = start("b");
    await untilQueued(1);
    const status = await call("status", "b");
    expect(status.stdout).toMatch(/queued since \S+ \S+ \(.+\): target redshift is full \(1 of 1\)/);
    const { pipelines } = JSON.parse((await call("status", "b", ["--json"])).stdout);
    expect(pipelines[0].running.queued).toEqual({
      since: expect.any(String),
      for: [{ kind: "target", name: "redshift", places: 1, taken: 1 }],
    });
    const unlock = await call("unlock", "b");
    expect(unlock.stdout).toMatch(
      /b → redshift: QUEUED since \S+: its pipeline waits for a place: target redshift is full \(1 of 1\)/,
    );
    const other = JSON.parse((await call("status", "a", ["--json"])).stdout);
    expect(other.pipelines[0].running.queued).toBeNull();
    go();
    await first.done;
    expect((await second.done).stderr).toMatch(
      /^pipelinewise-sched: b → redshift is queued: target redshift is full \(1 of 1\): a → redshift since \S+\n$/,
    );
  });

  test("are skipped when they have waited for the time of the queue, and handle their slot", async () => {
    const { box, start, go, untilBegan } = limited(["a", "b"], { target: { redshift: 1 }, queueMs: 100 });
    const first = start("a");
    await untilBegan("a");
    const { code, stderr } = await start("b").done;
    expect(code).toBe(75);
    expect(stderr).toContain(
      "skipped (limit): b → redshift waited 0 s for a place: target redshift is full (1 of 1): a → redshift since ",
    );
    expect((await start("b", ["--scheduled"]).done).code).toBe(0);
    const entry = anEntry({ tap: "b" });
    expect(await openSlots({ ...box, entry, host: { ...box.host, now: () => new Date() } }).findLast()).toMatchObject({
      skipped: true,
    });
    go();
    await first.done;
    const records = await box.records();
    expect(records.map(({ tap, outcome, reason }) => `${tap} ${outcome} ${reason ?? ""}`).sort()).toEqual([
      "a succeeded ",
      "b skipped limit",
      "b skipped limit",
    ]);
  });

  test("cause later starts of their pipeline to be skipped as overlap", async () => {
    const { start, go, untilBegan, untilQueued, queued } = limited(["a", "b"], { target: { redshift: 1 } });
    const starts = [start("a")];
    await untilBegan("a");
    starts.push(start("b"));
    await untilQueued(1);
    expect((await start("b").done).stderr).toContain("skipped (overlap): b → redshift is locked by host testhost");
    expect(queued()).toBe(1);
    go();
    for (const { done } of starts) expect((await done).code).toBe(0);
  });

  test("are stopped by a signal and by stop, without a start of their pipelines", async () => {
    const { box, start, go, call, notes, untilBegan, untilQueued } = limited(["a", "b", "c"], {
      target: { redshift: 1 },
    });
    const first = start("a");
    await untilBegan("a");
    const second = start("b");
    const third = start("c");
    await untilQueued(2);
    second.child.kill("SIGTERM");
    expect((await second.done).code).toBe(143);
    const stopped = await call("stop", "c", ["--reason", "maintenance"]);
    expect(stopped.stdout).toContain("c → redshift has ended: it was stopped after");
    expect((await third.done).code).toBe(143);
    go();
    await first.done;
    expect(notes()).toEqual(["began a", "ended a"]);
    const details = (await box.records()).map(({ tap, outcome, detail }) => `${tap} ${outcome} ${detail ?? ""}`);
    expect(details.sort()).toEqual([
      "a succeeded ",
      "b stopped was stopped by SIGTERM",
      expect.stringMatching(/^c stopped was stopped by .* \(maintenance\)$/),
    ]);
  });

  test("end when they lose their lock", async () => {
    const { box, start, go, untilBegan, untilQueued, notes } = limited(["a", "b"], { target: { redshift: 1 } });
    const first = start("a");
    await untilBegan("a");
    let lose = (_why: string) => {};
    const lost = new Promise<string>((resolve) => {
      lose = resolve;
    });
    const host = testHost({ env: box.host.env, cwd: box.home });
    const second = runMain(["--tap", "b", "--target", "redshift"], host, { locks: looseLocks(lost) });
    await untilQueued(1);
    lose("the test says so");
    expect(await second).toBe(74);
    expect(host.err()).toContain("b → redshift was stopped because its lock was lost: the test says so");
    expect((await box.records())[0]).toMatchObject({ tap: "b", outcome: "lock-lost" });
    await untilQueued(0);
    go();
    await first.done;
    expect(notes()).toEqual(["began a", "ended a"]);
  });

  test("start no pipeline if another process took their lock during the wait", async () => {
    const { box, start, go, untilBegan, untilQueued, notes } = limited(["a", "b"], { target: { redshift: 1 } });
    const first = start("a");
    await untilBegan("a");
    const second = start("b");
    await untilQueued(1);
    const lock = join(box.paths.root, "locks", "redshift", "b.lock");
    renameSync(join(lock, readdirSync(lock)[0] ?? ""), join(box.home, "taken"));
    go("a");
    expect((await second.done).code).toBe(74);
    await first.done;
    expect(notes()).toEqual(["began a", "ended a"]);
    await poll(
      async () => (await box.records()).filter(({ tap }) => tap === "b"),
      (found) => found.length === 1,
    );
  });

  test("count on their host, and with the other pipelines of their source", async () => {
    for (const limits of [{ host: 1 }, { source: { db: 1 } }]) {
      const { start, go, untilBegan, untilQueued, notes } = limited(["a", "b"], limits, { source: "db" });
      const first = start("a");
      await untilBegan("a");
      const second = start("b");
      await untilQueued(1);
      expect(notes()).toEqual(["began a"]);
      go();
      for (const { done } of [first, second]) expect((await done).code).toBe(0);
    }
  });

  test("do not wait for a place whose holder was killed, whether it ran or waited", async () => {
    const { box, start, go, untilBegan, untilQueued } = limited(["a", "b", "c"], { target: { redshift: 1 } });
    const first = start("a");
    await untilBegan("a");
    const second = start("b");
    await untilQueued(1);
    const third = start("c");
    await untilQueued(2);
    second.child.kill("SIGKILL");
    await second.done;
    first.child.kill("SIGKILL");
    await untilBegan("c");
    go();
    expect((await third.done).code).toBe(0);
    expect((await box.records()).map(({ tap, outcome }) => `${tap} ${outcome}`)).toEqual(
      expect.arrayContaining(["a lost", "c succeeded"]),
    );
  });

  test("wake the first one in a long queue when they find that those before it were killed", async () => {
    const taps = ["b", "c", "d", "e", "f"];
    const { box, start, go, untilBegan, untilQueued } = limited(["a", ...taps, "g"], { target: { redshift: 1 } });
    const queue = join(box.paths.root, "limits", "queue");
    const running = start("a");
    await untilBegan("a");
    const elsewhere = { bootId: "00000000", pidNamespace: "1", pid: 1, startTicks: 1 };
    const here = { ...readKernel(), pid: process.pid, startTicks: startTicksOf(process.pid) };
    fillQueue(queue, { first: 1, count: 200, owner: elsewhere });
    const killed: ReturnType<typeof start>[] = [];
    for (const tap of taps) {
      killed.push(start(tap));
      await untilQueued(200 + killed.length);
    }
    const first = killed.pop();
    fillQueue(queue, { first: 206, count: 3, owner: here });
    const last = start("g");
    await untilQueued(209);
    for (const { child } of killed) child.kill("SIGKILL");
    await Promise.all(killed.map(({ done }) => done));
    last.child.kill("SIGCONT");
    await untilQueued(205);
    go();
    await running.done;
    // By itself, it would look after 100 seconds.
    expect((await first?.done)?.code).toBe(0);
    last.child.kill("SIGTERM");
    await last.done;
  });
});

test.skipIf(!built)("a start that cannot write its place ends with 74, and runs nothing", async () => {
  const { box, start, notes } = limited(["a"], { target: { redshift: 1 } });
  writeFileSync(join(box.paths.root, "limits"), "");
  const { code, stderr } = await start("a").done;
  expect({ code, stderr }).toEqual({
    code: 74,
    stderr: expect.stringMatching(/^pipelinewise-sched: .*limits.* is not a directory\n/),
  });
  expect(notes()).toEqual([]);
});
