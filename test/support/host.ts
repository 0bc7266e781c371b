import { EventEmitter } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import type { Host } from "../../src/host.ts";

/** A host in a temporary folder of its own, with what it has written. The folder goes when the test ends. */
export interface TestHost extends Host {
  readonly home: string;
  readonly signals: EventEmitter;
  readonly out: () => string;
  readonly err: () => string;
}

/** A temporary folder, links resolved, that goes when the test ends. */
export function tempFolder(prefix = "pws-"): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** @param changes what differs from a quiet machine: HOME is a fresh folder, and `/` too (so the zone is UTC), PATH is
 * cron's, the clock stands still */
export function testHost(changes: Partial<Omit<Host, "signals">> = {}): TestHost {
  const home = tempFolder();
  const written = { out: "", err: "" };
  return {
    env: { HOME: home, PATH: "/usr/bin:/bin" },
    cwd: home,
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    stdin: process.stdin,
    signals: new EventEmitter(),
    now: () => new Date("2026-11-23T12:00:00Z"),
    name: "testhost",
    pid: process.pid,
    root: home,
    tzdata: process.versions["tz"] ?? "unknown",
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
