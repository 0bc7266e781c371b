import { spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import type { LockOptions } from "../../src/lock/acquire.ts";
import { type HeldLock, RUN_TOKEN_ENV } from "../../src/lock/lock.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { statePaths } from "../../src/storage/paths.ts";
import type { Answer, Ask } from "./actors.ts";

/**
 * A process in a guest that takes locks when asked to. Asks come as the files 1.ask, 2.ask, … in its directory; each is
 * worked on at once, and answered as N.answer.
 *
 * argv: its directory, config directory, lock options as JSON
 */
const [directory = "", configDir = "", optionsText = "{}"] = process.argv.slice(2);
const options: Partial<LockOptions> = JSON.parse(optionsText);
const paths = statePaths(configDir);
const locks = pipelineLocks(options);
const held = new Map<string, HeldLock>();

async function take(tap: string): Promise<Answer> {
  const claim = {
    host: hostname(),
    pid: process.pid,
    uid: process.getuid?.() ?? 0,
    runId: `${hostname()}-${process.pid}`,
    startedAt: new Date(),
    limitations: [],
  };
  const attempt = await locks.acquire(paths, { tap, target: "dwh", dataDiff: false }, claim);
  if (attempt.kind === "held") return { kind: "held", by: attempt.holder?.host, state: attempt.state.kind };
  held.set(tap, attempt.lock);
  const { limitation: weakness, tookOverFrom } = attempt.lock;
  return { kind: "acquired", weakness, from: tookOverFrom?.host };
}

/** A pipeline as `run` starts it: the kernel's lock is its stdin, and it bears the mark. */
function startChild(tap: string): Answer {
  const lock = held.get(tap);
  const child = spawn("sleep", ["3600"], {
    stdio: [lock?.stdin ?? "ignore", "ignore", "ignore"],
    env: { ...process.env, [RUN_TOKEN_ENV]: lock?.token },
    detached: true,
  });
  return { kind: "started", pid: child.pid };
}

async function act({ verb, tap }: Ask): Promise<Answer> {
  switch (verb) {
    case "take":
      return take(tap);
    case "start":
      return startChild(tap);
    case "await-loss":
      return { kind: "lost", why: await held.get(tap)?.lost };
    case "release":
      await held.get(tap)?.release();
      held.delete(tap);
      return { kind: "released" };
  }
}

async function answer(number: number, ask: Ask): Promise<void> {
  const said = await act(ask).catch((error: unknown) => ({ kind: "failed", why: String(error) }));
  writeFileSync(`${directory}/${number}.new`, JSON.stringify({ ...said, pid: process.pid, ...said }));
  renameSync(`${directory}/${number}.new`, `${directory}/${number}.answer`);
}

let next = 1;
setInterval(() => {
  for (; existsSync(`${directory}/${next}.ask`); next++) {
    void answer(next, JSON.parse(readFileSync(`${directory}/${next}.ask`, "utf8")));
  }
}, 10);
writeFileSync(`${directory}/ready`, "");
