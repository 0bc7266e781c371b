import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test } from "vitest";
import { RUN_MARK } from "../../src/lock/lock.ts";
import { findPipelineProcesses, processLives, startTicksOf } from "../../src/lock/processes.ts";
import { tempFolder } from "../support/host.ts";
import { until } from "./processes.ts";

const stateOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.[0] ?? "";

describe.skipIf(!existsSync("/proc/self/stat"))("with /proc", () => {
  test("a process lives under its own start tick only: a recycled pid is another process", () => {
    const ticks = startTicksOf(process.pid);
    expect(ticks).toBeGreaterThan(0);
    expect(processLives(process.pid, ticks)).toBe(true);
    expect(processLives(process.pid, ticks - 1)).toBe(false);
    expect(processLives(2 ** 22 + 1, ticks)).toBe(false);
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
    expect(processLives(pid, ticks)).toBe(true);
    process.kill(pid, "SIGKILL");
    await until(
      () => stateOf(pid),
      (state) => state === "Z",
    );
    expect(processLives(pid, ticks)).toBe(false);
  });

  test("a pipeline is found by its mark and by the kernel lock on its stdin", async () => {
    const file = join(tempFolder(), "a.flock");
    const token = `test.${process.pid}`;
    const marked = spawn("sleep", ["600"], { stdio: "ignore", env: { ...process.env, [RUN_MARK]: token } });
    const locked = spawn("sleep", ["600"], { stdio: [openSync(file, "a+"), "ignore", "ignore"], env: process.env });
    const near = spawn("sleep", ["600"], { stdio: "ignore", env: { ...process.env, [RUN_MARK]: `${token}0` } });
    const all = [marked, locked, near];
    onTestFinished(() => {
      for (const child of all) child.kill("SIGKILL");
    });
    const found = await until(
      () => findPipelineProcesses(token, file),
      (pids) => pids.length >= 2,
    );
    expect([...found].sort()).toEqual([marked.pid, locked.pid].sort());
  });
});
