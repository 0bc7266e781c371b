import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../support/wait.ts";
import type { Started } from "./processes.ts";
import type { NewSandbox, Sandbox } from "./sandbox.ts";

const RUNNING = "dwh-orders-<stamp>.singer.log.running";
const TERMINATED = "dwh-orders-<stamp>.singer.log.terminated";

export function signalFacts(newSandbox: NewSandbox): void {
  test.each<[string, NodeJS.Signals]>([
    ["TERM", "SIGTERM"],
    ["INT", "SIGINT"],
  ])("%s to run_tap stops the whole tree: 1, log .terminated, no pidfile, no summary", async (_, signal) => {
    const sandbox = newSandbox({ hang: true });
    const run = await sandbox.startBusy();
    process.kill(run.pid, signal);
    const { code, stdout } = await run.ended;
    expect(code).toBe(1);
    expect(stdout).toContain(" log_level=INFO message=Trying to stop tap gracefully...\n");
    expect(stdout).toMatch(/ log_level=INFO message=Sending SIGTERM to child pid \d+\.\.\.\n/);
    expect(stdout).not.toContain("TAP RUN SUMMARY");
    expectNothingLeft(sandbox);
  });

  test.each<[string, NodeJS.Signals]>([
    ["TERM", "SIGTERM"],
    ["INT", "SIGINT"],
  ])("%s to its process group, as Ctrl-C or a wrapper sends it, does the same", async (_, signal) => {
    const sandbox = newSandbox({ hang: true });
    const run = await sandbox.startBusy();
    process.kill(-run.pid, signal);
    expect((await run.ended).code).toBe(1);
    expectNothingLeft(sandbox);
  });

  test("a tap that does not hear TERM is killed after 5 s", async () => {
    const sandbox = newSandbox({ hang: true, ignore_term: true });
    const run = await sandbox.startBusy();
    const from = performance.now();
    process.kill(run.pid, "SIGTERM");
    expect((await run.ended).code).toBe(1);
    expect(performance.now() - from).toBeGreaterThan(4900);
    expectNothingLeft(sandbox);
  });

  test("TERM in the first moments ends it by the signal, with nothing begun", async () => {
    const sandbox = newSandbox({ hang: true });
    const run = sandbox.start(["run_tap", "--tap", "orders", "--target", "dwh"]);
    process.kill(run.pid, "SIGTERM");
    expect(await run.ended).toMatchObject({ code: null, signal: "SIGTERM" });
    expect(sandbox.logNames()).toEqual([]);
    expect(existsSync(sandbox.pidfile)).toBe(false);
  });

  test.each<[string, NodeJS.Signals]>([
    ["HUP", "SIGHUP"],
    ["KILL", "SIGKILL"],
  ])("after %s the tree goes on without it; pidfile and .running stay", async (_, signal) => {
    const sandbox = newSandbox({ hang: true });
    const run = await sandbox.startBusy();
    process.kill(run.pid, signal);
    expect(await run.ended).toMatchObject({ code: null, signal });
    expect(orphans(sandbox, run)).toHaveLength(3);
    expect(sandbox.logNames()).toEqual([RUNNING]);
    expect(readFileSync(sandbox.pidfile, "utf8")).toBe(String(run.pid));
  });

  test("after KILL the next run starts beside the orphan", async () => {
    const sandbox = newSandbox({ hang: true });
    const first = await sandbox.startBusy();
    process.kill(first.pid, "SIGKILL");
    await first.ended;
    sandbox.tell({});
    expect((await sandbox.runTap()).code).toBe(0);
    expect(orphans(sandbox, first)).toHaveLength(3);
  });

  test("stdin carries a lock: it is held until the last process of a killed run has ended", async () => {
    const sandbox = newSandbox({ hang: true });
    const lock = join(sandbox.directory, "lock");
    const isHeld = () => spawnSync("flock", ["-n", lock, "true"]).status !== 0;
    const descriptor = openSync(lock, "w");
    expect(spawnSync("flock", ["-n", "3"], { stdio: ["ignore", "ignore", "ignore", descriptor] }).status).toBe(0);
    const run = await sandbox.startBusy({ stdin: descriptor });
    closeSync(descriptor);
    expect(isHeld()).toBe(true);
    process.kill(run.pid, "SIGKILL");
    await run.ended;
    expect(isHeld()).toBe(true);
    await sandbox.killAll();
    expect(isHeld()).toBe(false);
  });

  test("stdin carries a lock: TERM frees it", async () => {
    const sandbox = newSandbox({ hang: true });
    const lock = join(sandbox.directory, "lock");
    const descriptor = openSync(lock, "w");
    spawnSync("flock", ["-n", "3"], { stdio: ["ignore", "ignore", "ignore", descriptor] });
    const run = await sandbox.startBusy({ stdin: descriptor });
    closeSync(descriptor);
    process.kill(run.pid, "SIGTERM");
    await run.ended;
    await until("the lock is free", () => spawnSync("flock", ["-n", lock, "true"]).status === 0);
  });

  test("stop_tap takes the pidfile away, fails, and the run goes on: never call it", async () => {
    const sandbox = newSandbox({ hang: true });
    const run = await sandbox.startBusy();
    const { code } = await sandbox.run("stop_tap", "--tap", "orders", "--target", "dwh");
    expect(code).toBe(1);
    expect(existsSync(sandbox.pidfile)).toBe(false);
    expect(sandbox.living()).toContain(run.pid);
    sandbox.tell({});
    expect((await sandbox.runTap()).code).toBe(0);
  });
}

function expectNothingLeft(sandbox: Sandbox): void {
  expect(sandbox.living()).toEqual([]);
  expect(sandbox.logNames()).toEqual([TERMINATED]);
  expect(existsSync(sandbox.pidfile)).toBe(false);
}

const orphans = (sandbox: Sandbox, { pid }: Started): number[] => sandbox.living().filter((other) => other !== pid);
