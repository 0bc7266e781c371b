import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test } from "vitest";
import { RUN_TOKEN_ENV } from "../../src/lock/lock.ts";
import { findPipelineProcesses } from "../../src/lock/processes.ts";
import { isProcessRunning, startTicksOf } from "../../src/system/proc.ts";
import { tempDirectory } from "../support/host.ts";
import { poll } from "../support/wait.ts";

const stateOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.[0] ?? "";

describe.skipIf(!existsSync("/proc/self/stat"))("with /proc", () => {
  test("a process with a recycled pid and another start time is a different process", () => {
    const ticks = startTicksOf(process.pid);
    expect(ticks).toBeGreaterThan(0);
    expect(isProcessRunning(process.pid, ticks)).toBe(true);
    expect(isProcessRunning(process.pid, ticks - 1)).toBe(false);
    expect(isProcessRunning(2 ** 22 + 1, ticks)).toBe(false);
  });

  test("a zombie does not live", async () => {
    // The inner shell ends while its parent, by then `sleep`, never waits for it.
    const parent = spawn("sh", ["-c", "sh -c 'echo $$; read line' <&3 & exec sleep 600"], {
      stdio: ["ignore", "pipe", "inherit", "pipe"],
    });
    onTestFinished(() => {
      parent.kill("SIGKILL");
    });
    if (parent.stdout === null) throw new Error("no stdout");
    const line = await createInterface({ input: parent.stdout })[Symbol.asyncIterator]().next();
    const pid = Number(line.value);
    const ticks = startTicksOf(pid);
    expect(isProcessRunning(pid, ticks)).toBe(true);
    process.kill(pid, "SIGKILL");
    await poll(
      () => stateOf(pid),
      (state) => state === "Z",
    );
    expect(isProcessRunning(pid, ticks)).toBe(false);
  });

  test("a pipeline is found by its mark and by the kernel lock on its stdin", async () => {
    const file = join(tempDirectory(), "a.flock");
    const token = `test.${process.pid}`;
    const marked = spawn("sleep", ["600"], { stdio: "ignore", env: { ...process.env, [RUN_TOKEN_ENV]: token } });
    const locked = spawn("sleep", ["600"], { stdio: [openSync(file, "a+"), "ignore", "ignore"], env: process.env });
    const near = spawn("sleep", ["600"], { stdio: "ignore", env: { ...process.env, [RUN_TOKEN_ENV]: `${token}0` } });
    const all = [marked, locked, near];
    onTestFinished(() => {
      for (const child of all) child.kill("SIGKILL");
    });
    const found = await poll(
      async () => (await findPipelineProcesses(token, file)) ?? [],
      (pids) => pids.length >= 2,
    );
    expect([...found].sort()).toEqual([marked.pid, locked.pid].sort());
  });
});
