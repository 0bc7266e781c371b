import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/wait.ts";
import type { NewSandbox } from "./sandbox.ts";

export function leftoverFacts(newSandbox: NewSandbox): void {
  test("a pidfile with a dead pid, or none in it, stops nobody", async () => {
    const sandbox = newSandbox();
    writeFileSync(sandbox.pidfile, String(await deadPid()));
    expect((await sandbox.runTap()).code).toBe(0);
    writeFileSync(sandbox.pidfile, "no number");
    expect((await sandbox.runTap()).code).toBe(0);
  });

  test("a recycled pid of another program stops nobody", async () => {
    const sandbox = newSandbox();
    writeFileSync(sandbox.pidfile, String(startHelper("sleep", ["600"])));
    expect((await sandbox.runTap()).code).toBe(0);
  });

  test("a recycled pid of another tap's run is a false 'already running'", async () => {
    const sandbox = newSandbox({ hang: true });
    sandbox.addTap("bills");
    const other = await sandbox.startBusy();
    writeFileSync(join(sandbox.config, "dwh", "bills", "pipelinewise.pid"), String(other.pid));
    const { code, stdout } = await sandbox.runTap("bills");
    expect(code).toBe(1);
    expect(stdout).toContain("message=Another instance of the tap is already running.");
  });

  test("a pidfile that names an unreaped zombie is an IndexError: FAILED and 1", async () => {
    const sandbox = newSandbox();
    writeFileSync(sandbox.pidfile, String(await zombiePid()));
    const { code, stdout, stderr } = await sandbox.runTap();
    expect(code).toBe(1);
    expect(stdout).toContain("    Status  : FAILED\n");
    expect(stderr.trimEnd()).toMatch(/\nIndexError: list index out of range$/);
  });

  test.each([
    ["empty", ""],
    ["half", '{"bookmarks": {"publ'],
  ])("with an %s state.json every run fails, without a log", async (_, text) => {
    const sandbox = newSandbox();
    writeFileSync(join(sandbox.tapDirectory, "state.json"), text);
    const { code, stderr } = await sandbox.runTap();
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nException: Cannot create JSON file - Error parsing \S+\/dwh\/orders\/state\.json /);
    expect(sandbox.logNames()).toEqual([]);
    expect(existsSync(sandbox.pidfile)).toBe(false);
  });

  test("without state.json every table is copied whole again, silently", async () => {
    const sandbox = newSandbox();
    rmSync(join(sandbox.tapDirectory, "state.json"));
    const { code, stdout } = await sandbox.runTap();
    expect(code).toBe(0);
    expect(stdout).toContain("message=Table(s) selected to sync by fastsync/partialsync: ['public-orders']\n");
    expect(sandbox.logNames()).toEqual(
      expect.arrayContaining(["dwh-orders-<stamp>.fastsync.log.success", "dwh-orders-<stamp>.singer.log.success"]),
    );
    expect(readFileSync(join(sandbox.tapDirectory, "state.json.bak"), "utf8")).toBe("ORIGINAL FILE DID NOT EXIST!");
  });

  test("state.json.bak is written before the pidfile is looked at: a refused start rewrites it", async () => {
    const sandbox = newSandbox({ hang: true });
    await sandbox.startBusy();
    const backup = join(sandbox.tapDirectory, "state.json.bak");
    writeFileSync(backup, "as the first run left it");
    expect((await sandbox.runTap()).code).toBe(1);
    expect(readFileSync(backup, "utf8")).toBe(sandbox.state());
  });
}

/** Starts a program that ends with the test. */
function startHelper(program: string, words: readonly string[]): number {
  const child = spawn(program, words, { stdio: "ignore" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  if (child.pid === undefined) throw new Error(`${program} cannot be started`);
  return child.pid;
}

async function deadPid(): Promise<number> {
  const child = spawn("true");
  await once(child, "exit");
  return child.pid ?? 0;
}

/** A process that has ended and whose parent, a sleep, never asks for its code. */
async function zombiePid(): Promise<number> {
  const parent = spawn("bash", ["-c", "sleep 600 & echo $!; exec sleep 600"], { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => {
    parent.kill("SIGKILL");
  });
  const [said] = await once(parent.stdout, "data");
  const pid = Number(String(said));
  await until("the parent is a sleep", () => readFileSync(`/proc/${parent.pid}/cmdline`, "utf8").startsWith("sleep"));
  process.kill(pid, "SIGKILL");
  await until("the child is a zombie", () => readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z "));
  return pid;
}
