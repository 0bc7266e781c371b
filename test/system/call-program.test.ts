import { EventEmitter } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { type CallLimits, callProgram } from "../../src/system/call-program.ts";
import { tempDirectory } from "../support/host.ts";
import { isRunning } from "../support/processes.ts";
import { freezeTimers, pidIn, pidInFrozen, until } from "../support/wait.ts";

const LIMITS: CallLimits = { answerMs: 10_000, graceMs: 2_000, signalMs: 3_000, mostBytes: 1024 * 1024 };
const env = { PATH: "/usr/bin:/bin" };

/** Starts a script; its `$1` is a directory for its files. */
function start(text: string) {
  const directory = tempDirectory();
  const script = join(directory, "script");
  writeFileSync(script, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  const signals = new EventEmitter();
  const answer = callProgram([script, directory], { env, signals, limits: LIMITS, hint: "Look at it." });
  return { answer, signals, child: join(directory, "child") };
}

test("both outputs, and the exit code or the signal, are returned", async () => {
  const { answer } = start("echo text; echo fault >&2; exit 3");
  expect(await answer).toEqual({ exitCode: 3, signal: null, stdout: "text\n", stderr: "fault\n" });
  expect(await start("kill -TERM $$").answer).toMatchObject({ exitCode: null, signal: "SIGTERM" });
});

test("a program that cannot be started rejects with the error of the system", async () => {
  const call = callProgram(["/nowhere"], { env, signals: new EventEmitter(), limits: LIMITS });
  await expect(call).rejects.toMatchObject({ code: "ENOENT" });
});

describe("the whole process group of a program is stopped", () => {
  const SLEEPS = 'sleep 600 & echo $! >"$1/child"; wait';

  test("at the time limit", async () => {
    freezeTimers();
    const { answer, child } = start(SLEEPS);
    const pid = await pidInFrozen(child);
    vi.advanceTimersByTime(LIMITS.answerMs);
    await expect(answer).rejects.toMatchObject({
      message: expect.stringMatching(/script \S+` did not answer within 10 seconds, so it was stopped$/),
      hint: "Look at it.",
    });
    vi.useRealTimers();
    await until("its child has ended", () => !isRunning(pid));
  });

  test("also if only a child is left, which has its output", async () => {
    freezeTimers();
    const { answer, child } = start('sleep 600 & echo $! >"$1/child"');
    const pid = await pidInFrozen(child);
    vi.advanceTimersByTime(LIMITS.answerMs);
    // The parent may have ended or not.
    vi.advanceTimersByTime(LIMITS.graceMs);
    await expect(answer).rejects.toThrow("did not answer within 10 seconds");
    vi.useRealTimers();
    await until("its child has ended", () => !isRunning(pid));
  });

  test("also if it ignores SIGTERM", async () => {
    freezeTimers();
    const { answer, child } = start("trap '' TERM; (trap '' TERM; exec sleep 600) & echo $! >\"$1/child\"; wait");
    const pid = await pidInFrozen(child);
    vi.advanceTimersByTime(LIMITS.answerMs);
    expect(isRunning(pid)).toBe(true);
    vi.advanceTimersByTime(LIMITS.graceMs);
    await expect(answer).rejects.toThrow("did not answer");
    vi.useRealTimers();
    await until("its child has ended", () => !isRunning(pid));
  });

  test("after a signal to this process", async () => {
    freezeTimers();
    const { answer, signals, child } = start(SLEEPS);
    const pid = await pidInFrozen(child);
    signals.emit("SIGINT");
    vi.advanceTimersByTime(LIMITS.signalMs);
    await expect(answer).rejects.toMatchObject({
      message: "interrupted by SIGINT; nothing was changed",
      exitCode: 130,
    });
    expect(signals.listenerCount("SIGINT")).toBe(0);
    vi.useRealTimers();
    await until("its child has ended", () => !isRunning(pid));
  });

  test("if it prints too much", async () => {
    const { answer, child } = start('(exec yes) & echo $! >"$1/child"; wait');
    await expect(answer).rejects.toThrow("printed more than 1 MiB, so it was stopped");
    const pid = await pidIn(child);
    await until("its child has ended", () => !isRunning(pid));
  });
});
