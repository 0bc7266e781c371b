import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runMain } from "../../../src/cli/run-command.ts";
import type { StoredEntry } from "../../../src/installed/schedule.ts";
import { openPipelineStore } from "../../../src/run/pipeline-store.ts";
import { writeSucceeded } from "../../../src/run/policies/after-files.ts";
import { succeededFile } from "../../../src/storage/paths.ts";
import { relayWakeSignal } from "../../support/host.ts";
import { anEntry, sandbox } from "../../support/sandbox.ts";
import { until } from "../../support/wait.ts";

const target = "w";
const a = { tap: "a", target };
const b = { tap: "b", target };
const marts = { tap: "marts", target };

/** An entry that only runs after others. */
const follower = (after: StoredEntry["after"], more: Partial<StoredEntry> = {}): StoredEntry =>
  anEntry({ ...marts, crons: [], after, ...more });

/**
 * Notes each run, and fails while the file `fail-TAP` exists. Before that it waits as long as the file `hold-TAP`
 * exists.
 */
const SCRIPT = `echo $3 >>$HOME/calls
while [ -e $HOME/hold-$3 ]; do sleep 0.01; done
[ ! -e $HOME/fail-$3 ]`;

/** A machine with two pipelines that run by their times, and with these entries. */
function machine(...entries: readonly StoredEntry[]) {
  const box = sandbox(SCRIPT);
  box.install([anEntry(a), anEntry(b), ...entries]);
  return {
    ...box,
    start: (tap: string, ...words: string[]) => runMain(["--tap", tap, "--target", target, ...words], box.host),
    calls: () => (existsSync(box.file("calls")) ? readFileSync(box.file("calls"), "utf8").trim().split("\n") : []),
    told: async () => (await box.records()).map(({ tap, outcome, reason }) => `${tap} ${reason ?? outcome}`).sort(),
  };
}

const count = (calls: readonly string[], tap: string): number => calls.filter((call) => call === tap).length;

describe("an entry that runs after a pipeline", () => {
  test("is started by a run that succeeded, as a run of its own", async () => {
    const box = machine(follower([a]));
    expect(await box.start("a", "--scheduled")).toBe(0);
    expect(box.calls()).toEqual(["a", "marts"]);
    const records = await box.records();
    const [first, second] = ["a", "marts"].map((tap) => records.find((record) => record.tap === tap));
    expect(first).toMatchObject({ outcome: "succeeded", scheduled: true });
    expect(first).not.toHaveProperty("triggeredBy");
    expect(second).toMatchObject({ outcome: "succeeded", scheduled: true, triggeredBy: first?.id });
    expect(second).not.toHaveProperty("slot");
    expect(second?.log).not.toBe(first?.log);
    expect(box.host.out() + box.host.err()).toBe("");
  });

  test("its owner record says what started it, for whoever finds it dead", async () => {
    const box = machine(follower([a]));
    writeFileSync(box.file("hold-marts"), "");
    const run = box.start("a", "--scheduled");
    await until("marts is running", () => box.calls().includes("marts"));
    const { lock } = openPipelineStore({ ...marts, dataDiff: false }, box);
    const holder = await lock.readHolder();
    rmSync(box.file("hold-marts"));
    await run;
    const first = (await box.records()).find(({ tap }) => tap === "a");
    expect(holder).toMatchObject({ task: "run_tap", scheduled: true, triggeredBy: first?.id });
  });

  test("is replaced by a scheduled start if a scheduled run started it", async () => {
    const box = machine(follower([a], { crons: ["* * * * *"], policies: { onOverlap: "replace" } }));
    relayWakeSignal(box.host);
    writeFileSync(box.file("hold-marts"), "");
    const first = box.start("a", "--scheduled");
    await until("marts is running", () => count(box.calls(), "marts") === 1);
    const second = box.start("marts", "--scheduled");
    await until("marts is running again", () => count(box.calls(), "marts") === 2);
    rmSync(box.file("hold-marts"));
    expect(await Promise.all([first, second])).toEqual([0, 0]);
    expect(await box.told()).toEqual(["a succeeded", "marts stopped", "marts succeeded"]);
  });

  test("is not started by a run that failed", async () => {
    const box = machine(follower([a]));
    writeFileSync(box.file("fail-a"), "");
    expect(await box.start("a", "--scheduled")).toBe(1);
    expect(box.calls()).toEqual(["a"]);
  });

  test("is started by a run by hand too, which says so", async () => {
    const box = machine(follower([a]));
    expect(await box.start("a")).toBe(0);
    expect(box.calls()).toEqual(["a", "marts"]);
    expect(box.host.err()).toContain("starting marts → w, which runs after a → w\n");
  });

  test("is not started by another command of the pipeline", async () => {
    const box = machine(follower([a]));
    await box.start("a", "--command", "reset_state");
    expect(count(box.calls(), "marts")).toBe(0);
  });

  test("starts the entries that run after it in turn", async () => {
    const box = machine(follower([a]), anEntry({ tap: "report", target, crons: [], after: [marts] }));
    await box.start("a", "--scheduled");
    expect(box.calls()).toEqual(["a", "marts", "report"]);
  });

  test("does not change the exit code of the run that started it; its failure is reported", async () => {
    const box = machine(follower([a]));
    writeFileSync(box.file("fail-marts"), "");
    expect(await box.start("a", "--scheduled")).toBe(0);
    expect(await box.told()).toEqual(["a succeeded", "marts failed"]);
    expect(box.host.err()).toContain("marts → w failed with exit code 1");
  });

  test("is reported if it cannot be started", async () => {
    const box = machine(follower([a]));
    box.install([anEntry(a), follower([a])], { env: { KEY: `\${file:${box.file("key")}}` } });
    writeFileSync(box.file("key"), "k");
    writeFileSync(box.program, `#!/bin/sh\nrm $HOME/key\n`);
    expect(await box.start("a", "--scheduled")).toBe(0);
    expect(box.host.err()).toContain("marts → w could not be started: env.KEY: cannot read");
    expect(await box.told()).toEqual(["a succeeded", "marts failed"]);
  });

  test("with times of its own starts at those too, and then waits for new runs", async () => {
    const box = machine(follower([a, b], { crons: ["*/5 * * * *"] }));
    await box.start("a", "--scheduled");
    await box.start("marts", "--scheduled");
    await box.start("b");
    expect(box.calls()).toEqual(["a", "marts", "b"]);
    await box.start("a");
    expect(count(box.calls(), "marts")).toBe(2);
  });

  test("without times is skipped as not-due if it is started with --scheduled", async () => {
    const box = machine(follower([a]));
    expect(await box.start("marts", "--scheduled")).toBe(0);
    expect(await box.told()).toEqual(["marts not-due"]);
  });
});

test("with --record-missed, the due times that passed while the entries after a run were running are recorded", async () => {
  const box = machine(follower([a]));
  writeFileSync(box.file("hold-marts"), "");
  let now = "2026-11-23T09:30:10Z";
  const host = { ...box.host, now: () => new Date(now) };
  const running = runMain(["--tap", "a", "--target", target, "--scheduled", "--record-missed"], host);
  await until("marts is running", () => count(box.calls(), "marts") === 1);
  now = "2026-11-23T09:42:00Z";
  rmSync(box.file("hold-marts"));
  expect(await running).toBe(0);
  const skipped = (await box.records()).filter(({ outcome }) => outcome === "skipped");
  expect(skipped.map(({ slot }) => slot).sort()).toEqual(["2026-11-23T09:35:00.000Z", "2026-11-23T09:40:00.000Z"]);
});

describe("an entry that runs after two pipelines", () => {
  test("starts when both have succeeded since its last start", async () => {
    const box = machine(follower([a, b]));
    const marts = async (tap: string) => {
      await box.start(tap);
      return count(box.calls(), "marts");
    };
    expect([await marts("a"), await marts("a"), await marts("b")]).toEqual([0, 0, 1]);
    expect([await marts("b"), await marts("a"), await marts("a"), await marts("b")]).toEqual([1, 2, 2, 3]);
  });

  test("starts although one of them has failed after it succeeded", async () => {
    const box = machine(follower([a, b]));
    await box.start("a");
    writeFileSync(box.file("fail-a"), "");
    await box.start("a");
    await box.start("b");
    expect(box.calls()).toEqual(["a", "a", "b", "marts"]);
  });

  test("is started once if both end at the same time on two hosts", async () => {
    for (let round = 0; round < 5; round++) {
      const box = machine(follower([a, b]));
      const gates = ["hold-a", "hold-b"].map(box.file);
      for (const gate of gates) writeFileSync(gate, "");
      const running = ["a", "b"].map((tap) =>
        runMain(["--tap", tap, "--target", target], { ...box.host, name: `host-${tap}` }),
      );
      await until("both are running", () => box.calls().length === 2);
      for (const gate of gates) rmSync(gate);
      expect(await Promise.all(running)).toEqual([0, 0]);
      expect(count(box.calls(), "marts")).toBe(1);
    }
  });
});

describe("a start after other pipelines that cannot run now", () => {
  test("is repeated at the end of the run that caused the skip", async () => {
    const box = machine(follower([a]));
    writeFileSync(box.file("hold-marts"), "");
    const first = box.start("a");
    await until("marts is running", () => count(box.calls(), "marts") === 1);
    expect(await box.start("a")).toBe(0);
    rmSync(box.file("hold-marts"));
    await first;
    expect(count(box.calls(), "marts")).toBe(2);
    expect(await box.told()).toContain("marts overlap");
  });

  test("is skipped once if the tap is disabled", async () => {
    const box = machine(follower([a]));
    const taps = [{ id: "marts", enabled: false }];
    writeFileSync(join(box.paths.configDir, "config.json"), JSON.stringify({ targets: [{ id: target, taps }] }));
    expect(await box.start("a")).toBe(0);
    expect(await box.told()).toEqual(["a succeeded", "marts disabled"]);
  });

  test("is skipped once if no place is free", async () => {
    const box = machine();
    const limits = { host: 1, target: {}, source: {}, queueMs: 1 };
    box.install([anEntry(a), anEntry(b), follower([a])], { limits });
    writeFileSync(box.file("hold-b"), "");
    await box.start("a");
    const other = box.start("b");
    await until("b is running", () => count(box.calls(), "b") === 1);
    await writeSucceeded(box.paths, a, { run: "0mwwv4l6f7zkvq", uid: box.host.uid });
    expect(await box.start("marts")).toBe(75);
    rmSync(box.file("hold-b"));
    await other;
    expect((await box.told()).filter((line) => line.startsWith("marts"))).toEqual(["marts limit", "marts succeeded"]);
  });

  test("is made at the next end of a predecessor after a crash prevented it, also if the predecessor failed", async () => {
    const box = machine(follower([a]));
    writeFileSync(box.file("fail-a"), "");
    await box.start("a");
    await writeSucceeded(box.paths, a, { run: "0mwwv4l6f7zkvq", uid: box.host.uid });
    expect(await box.start("a")).toBe(1);
    expect(box.calls()).toEqual(["a", "a", "marts"]);
  });

  test("is not made because of a torn file", async () => {
    const box = machine(follower([a]));
    await box.start("a");
    writeFileSync(succeededFile(box.paths, a), '{"ru');
    writeFileSync(box.file("fail-a"), "");
    await box.start("a");
    expect(count(box.calls(), "marts")).toBe(1);
  });

  test("is not made after a stop", async () => {
    const box = machine(follower([a, b]), anEntry({ tap: "report", target, crons: [], after: [a] }));
    writeFileSync(box.file("hold-report"), "");
    const running = box.start("a");
    await until("report is running", () => count(box.calls(), "report") === 1);
    box.host.signals.emit("SIGTERM");
    expect(await running).toBe(0);
    expect(await box.told()).toEqual(["a succeeded", "report stopped"]);
  });
});
