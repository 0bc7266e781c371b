import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { onTestFinished } from "vitest";
import type { LockOptions } from "../../src/lock/acquire.ts";
import type { HolderState } from "../../src/lock/lock.ts";
import { type StatePaths, statePaths } from "../../src/storage/paths.ts";
import { tempDirectory } from "../support/host.ts";

/** Everything that test/lock/contender.ts answers; which fields are there goes by what it was asked. */
interface Answer {
  readonly kind?: "acquired" | "held" | "failed";
  readonly token?: string;
  readonly flock?: boolean;
  readonly weakness?: string;
  readonly tookOverFrom?: { readonly pid: number; readonly runId: string };
  readonly holder?: { readonly host: string; readonly pid: number; readonly startedAt: string };
  readonly state?: HolderState;
  readonly pid?: number;
  readonly name?: string;
  readonly message?: string;
  readonly why?: string;
}

/** A process of its own that takes locks when asked to. */
export interface Contender {
  readonly pid: number;
  ask(verb: "take" | "release" | "look" | "child" | "lost", tap: string): Promise<Answer>;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Bundles the contender once for a test file. @returns the program, to be removed with `remove` */
export async function buildContender(): Promise<{ program: string; remove: () => void }> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "pws-contender-")));
  // Other users run it too.
  chmodSync(directory, 0o755);
  const build = await rolldown({ input: fileURLToPath(new URL("./contender.ts", import.meta.url)), platform: "node" });
  await build.write({ dir: directory, format: "cjs", entryFileNames: "contender.cjs", chunkFileNames: "[name].cjs" });
  await build.close();
  return {
    program: join(directory, "contender.cjs"),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** A config directory with `.sched`, in a temporary directory. */
export function stateDirectory(): StatePaths {
  const paths = statePaths(tempDirectory());
  mkdirSync(paths.root, { mode: 0o700 });
  return paths;
}

async function answersOf(child: ChildProcess): Promise<() => Promise<Answer>> {
  if (child.stdout === null) throw new Error("no stdout");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the contender ended");
    return JSON.parse(value);
  };
}

/** @param before a command that starts it, such as `setpriv …`, in the same process */
export async function startContender(
  program: string,
  paths: StatePaths,
  options: Partial<LockOptions> = {},
  before: readonly string[] = [],
): Promise<Contender> {
  const [command = "", ...args] = [...before, process.execPath, program, paths.configDir, JSON.stringify(options)];
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env });
  const next = await answersOf(child);
  const { pid } = await next();
  if (pid === undefined) throw new Error("the contender did not say its pid");
  const kill = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  };
  onTestFinished(() => kill());
  // A contender that is killed during a question does not read it; `next` reports its end.
  child.stdin?.on("error", () => {});
  return {
    pid,
    kill,
    ask(verb, tap) {
      child.stdin?.write(`${verb} ${tap}\n`);
      return next();
    },
  };
}
