// Each alert reaches a real HTTP receiver exactly once, whatever fails between the pipeline's end and the message.
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { AlertRule } from "../../src/alert-rules.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { readStored } from "../../src/installed/store.ts";
import type { TendContext } from "../../src/tend/part.ts";
import { TEND_PARTS, tend } from "../../src/tend/tend.ts";
import { MINUTE_MS } from "../../src/time-units.ts";
import { leaveDeadLock } from "../run/dead-run.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { startSink } from "./sink.ts";

const RULE: AlertRule = {
  when: ["failed", "lost", "recovered"],
  receiver: { kind: "webhook", url: `\${env:HOOK}` },
};

/** A machine with a receiver, whose clock the test sets. Its pipeline fails while the file `broken` exists. */
async function machine(startedAt = new Date("2026-11-23T12:00:00Z")) {
  const sink = await startSink();
  let time = startedAt;
  const box = sandbox("[ ! -e $HOME/broken ]", { now: () => time });
  const host = { ...box.host, env: { ...box.host.env, HOOK: sink.url }, program: "/nonexistent" };
  box.install([anEntry()], { alerts: [RULE] });
  const contextOn = async (name: string): Promise<Omit<TendContext, "log">> => {
    const own = { ...host, name };
    const installed = await readStored(box.paths, "pipelinewise", host);
    if (installed?.host === undefined) throw new Error("nothing is installed");
    const { storedSchedule: schedule, host: install } = installed;
    return { host: own, paths: box.paths, schedule, install, at: own.now() };
  };
  return {
    ...box,
    host,
    sink,
    contextOn,
    run: () => runMain(PAIR_WORDS, host),
    breakPipeline: () => writeFileSync(box.file("broken"), ""),
    repairPipeline: () => writeFileSync(box.program, "#!/bin/sh\n"),
    /** Lets time pass, and tends the schedule. */
    async tendAfter(minutes: number, name = "testhost") {
      time = new Date(time.getTime() + minutes * MINUTE_MS);
      await tend(await contextOn(name));
    },
    alerts: () => sink.messages().flatMap((message) => message.alerts.map(({ kind }) => kind)),
  };
}

test("an alert whose receiver is down for an hour is sent once, by tend", async () => {
  const box = await machine();
  await box.sink.close();
  box.breakPipeline();
  expect(await box.run()).toBe(1);
  for (let tries = 0; tries < 12; tries++) await box.tendAfter(5);
  expect(box.alerts()).toEqual([]);
  await box.sink.listenAgain();
  for (const _ of [1, 2]) await box.tendAfter(5);
  expect(box.alerts()).toEqual(["failed"]);
  box.repairPipeline();
  expect(await box.run()).toBe(0);
  for (const _ of [1, 2]) await box.tendAfter(5);
  expect(box.alerts()).toEqual(["failed", "recovered"]);
});

/** Ends the wrapper with SIGKILL at a rename to a path with this text: before the rename, or after it. */
const SHIM = `const fs = require("node:fs"), { renameSync } = fs;
const [when, text] = process.env.KILL_AT.split(" ");
fs.renameSync = (from, to) => {
  const isHere = to.includes(text);
  if (!isHere || when === "after") renameSync(from, to);
  if (isHere) process.kill(process.pid, "SIGKILL");
};
fs.rename = (from, to, done) => { fs.renameSync(from, to); process.nextTick(done, null); };`;

describe.skipIf(!existsSync("dist/run.cjs"))(
  "a wrapper that is killed between its pipeline's end and the message",
  () => {
    test.each([
      ["before it stored the event", "before /events/", "lost"],
      ["after it stored the event", "after /events/", "lost"],
      ["after it recorded the run", "after /last/", "failed"],
    ])("%s gives one alert", async (_, killAt, kind) => {
      const box = await machine(new Date());
      box.breakPipeline();
      writeFileSync(box.file("shim.cjs"), SHIM);
      const env = {
        ...box.host.env,
        PIPELINEWISE_SCHED_HOST: "testhost",
        NODE_OPTIONS: `--require ${box.file("shim.cjs")}`,
        KILL_AT: killAt,
      };
      const words = [sandbox().host.program, "run", ...PAIR_WORDS];
      const signal = await new Promise((resolve) =>
        spawn(process.execPath, words, { env, cwd: box.home, stdio: "ignore" }).once("close", (_code, by) =>
          resolve(by),
        ),
      );
      expect(signal).toBe("SIGKILL");
      expect(box.alerts()).toEqual([]);
      for (const _again of [1, 2, 3]) await box.tendAfter(5);
      expect(box.alerts()).toEqual([kind]);
      expect((await box.records()).map(({ outcome }) => outcome)).toEqual([kind]);
    });
  },
);

test("two hosts that notice the same loss send one alert", async () => {
  const box = await machine();
  leaveDeadLock(box.paths);
  const log = { info() {}, warn() {}, error() {} };
  for (const name of ["lost runs", "alerts", "alerts"]) {
    const work = await TEND_PARTS.find((part) => part.name === name)?.load();
    await Promise.all(["a", "b"].map(async (host) => work?.({ ...(await box.contextOn(host)), log })));
  }
  expect(box.alerts()).toEqual(["lost"]);
  await box.tendAfter(5, "b");
  expect(box.alerts()).toEqual(["lost"]);
});
