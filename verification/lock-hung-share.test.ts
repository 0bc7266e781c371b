import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { tempDirectory } from "../test/support/host.ts";

/**
 * A share whose server never answers, without a server: a FUSE mount that nobody serves. Whoever asks it waits for ever.
 * In a mount namespace of its own, which ends with its processes. `$1` is where; the rest is run beside it.
 */
const HUNG = `exec 3<>/dev/fuse
mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 hung "$1"
shift; exec "$@"`;

const mounts = spawnSync("unshare", ["-m", "sh", "-ec", HUNG, "sh", "/mnt", "true"]).status === 0;
const program = resolve("bin/pipelinewise-sched.cjs");

/** Starts our program with a config directory on the hung share. */
function startOn(share: string, ...words: readonly string[]): { child: ChildProcess; said: Promise<string> } {
  const home = tempDirectory();
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const child = spawn("unshare", ["-m", "sh", "-ec", HUNG, "sh", share, process.execPath, program, ...words], {
    env: { ...env, HOME: home, PIPELINEWISE_CONFIG_DIRECTORY: share },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, said: child.stderr === null ? Promise.resolve("") : text(child.stderr) };
}

function shareDirectory(): string {
  const share = join(tempDirectory(), "share");
  mkdirSync(share);
  return share;
}

const PAIR = ["--tap", "fx", "--target", "dwh"];

describe.skipIf(!mounts)("a config directory on a share that never answers", () => {
  test.each([
    { what: "a scheduled run", words: ["run", "--scheduled", ...PAIR] },
    { what: "a run by hand", words: ["run", ...PAIR] },
  ])("$what says so after a minute and is gone, with no process left behind", async ({ words }) => {
    const share = shareDirectory();
    const begun = Date.now();
    const { child, said } = startOn(share, ...words);
    const [code, signal] = await once(child, "close");
    // 74, unless even leaving hung: then a helper has killed it.
    expect([74, "SIGKILL"]).toContain(code ?? signal);
    expect(await said).toContain(`${share} did not respond within 60 s`);
    expect(Date.now() - begun).toBeGreaterThan(59_000);
    expect(Date.now() - begun).toBeLessThan(120_000);
  });
});
