import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { LockOptions } from "../../src/lock/acquire.ts";
import { type HeldLock, RUN_TOKEN_ENV } from "../../src/lock/lock.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { statePaths } from "../../src/storage/paths.ts";

/**
 * A process of its own that takes locks on request, to be bundled and driven by the tests: one line in, one line out.
 *
 * `take TAP` · `release TAP` · `look TAP` · `child TAP` starts a pipeline as `run` does and answers with its pid · `zombie`
 *
 * argv: config directory, options as JSON
 */
const [configDir = "", optionsText = "{}"] = process.argv.slice(2);
const options: Partial<LockOptions> = JSON.parse(optionsText);
const paths = statePaths(configDir);
const locks = pipelineLocks(options);
const held = new Map<string, HeldLock>();

const pipelineOf = (tap: string) => ({ tap, target: "dwh", dataDiff: false });

async function take(tap: string): Promise<unknown> {
  const attempt = await locks.acquire(paths, pipelineOf(tap), {
    host: "here",
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
    runId: `run-${process.pid}`,
    startedAt: new Date("2026-11-23T12:00:00Z"),
    limitations: [],
  });
  if (attempt.kind === "held") return attempt;
  held.set(tap, attempt.lock);
  const { token, stdin, limitation: weakness, tookOverFrom } = attempt.lock;
  return { kind: "acquired", token, flock: stdin !== undefined, weakness, tookOverFrom };
}

function startChild(tap: string): unknown {
  const lock = held.get(tap);
  const child = spawn("sleep", ["600"], {
    stdio: [lock?.stdin ?? "ignore", "ignore", "ignore"],
    env: { ...process.env, [RUN_TOKEN_ENV]: lock?.token },
    detached: true,
  });
  return { pid: child.pid };
}

async function answer(verb: string, tap: string): Promise<unknown> {
  if (verb === "take") return take(tap);
  if (verb === "look") return { holder: await locks.findLiveHolder(paths, pipelineOf(tap)) };
  if (verb === "child") return startChild(tap);
  if (verb === "lost") return { why: await held.get(tap)?.lost };
  await held.get(tap)?.release();
  held.delete(tap);
  return { released: tap };
}

async function answerLine(line: string): Promise<void> {
  const [verb = "", tap = ""] = line.split(" ");
  const said = await answer(verb, tap).catch((error: unknown) => ({
    kind: "failed",
    name: error instanceof Error ? error.name : "",
    message: error instanceof Error ? error.message : String(error),
  }));
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

process.stdout.write(`${JSON.stringify({ pid: process.pid })}\n`);
createInterface({ input: process.stdin }).on("line", (line) => void answerLine(line));
