import { EventEmitter } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import type { Host } from "../../src/host.ts";
import { WAKE_SIGNAL } from "../../src/run/process/watch-stop-requests.ts";

/** A host in a temporary directory of its own, with what it has written. The directory goes when the test ends. */
export interface TestHost extends Host {
  readonly home: string;
  readonly signals: EventEmitter;
  readonly out: () => string;
  readonly err: () => string;
}

/** A temporary directory, links resolved, that goes when the test ends. */
export function tempDirectory(prefix = "pws-"): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** @param changes what differs from a quiet machine: HOME is a fresh directory, and `/` too (so the zone is UTC), PATH is
 * cron's, and the clock does not advance */
export function testHost(changes: Partial<Omit<Host, "signals"> & Pick<TestHost, "signals">> = {}): TestHost {
  const home = tempDirectory();
  const written = { out: "", err: "" };
  return {
    env: { HOME: home, PATH: "/usr/bin:/bin" },
    cwd: home,
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    stdin: process.stdin,
    outputError: () => undefined,
    signals: new EventEmitter(),
    hasTerminal: () => true,
    now: () => new Date("2026-11-23T12:00:00Z"),
    name: "testhost",
    pid: process.pid,
    root: home,
    tzdata: process.versions["tz"] ?? "unknown",
    ownState: join(home, ".local/state/pipelinewise-sched/testhost"),
    commonTmp: home,
    uid: process.getuid?.() ?? 0,
    node: process.execPath,
    program: resolve("bin/pipelinewise-sched.cjs"),
    version: "0.0.0-test",
    home,
    out: () => written.out,
    err: () => written.err,
    ...changes,
  };
}

/** Lets a stop request from this process wake a run in this process, as it wakes another process. */
export function relayWakeSignal({ signals }: Pick<TestHost, "signals">): void {
  const relay = () => void signals.emit(WAKE_SIGNAL);
  process.on(WAKE_SIGNAL, relay);
  onTestFinished(() => void process.off(WAKE_SIGNAL, relay));
}
