import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const PATIENCE_MS = 60_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A start that goes on. `pid` leads its process group. */
export interface Started {
  readonly pid: number;
  readonly ended: Promise<Ended>;
}

/** Starts programs whose whole offspring can be found again, whoever its parent is: all bear a mark in their environment. */
export class Starter {
  readonly #folder: string;
  #starts = 0;

  /** @param folder names the mark and takes the outputs */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param options.stdin a descriptor that it gets as its stdin */
  start(
    program: string,
    words: readonly string[],
    options: { env: Readonly<Record<string, string>>; stdin?: number },
  ): Started {
    // Files, not pipes: an orphaned tree may keep them open as long as it likes.
    this.#starts += 1;
    const files = ["stdout", "stderr"].map((name) => join(this.#folder, `${name}-${this.#starts}`));
    const outputs = files.map((file) => openSync(file, "w"));
    const env = { ...options.env, PWS_MARK: this.#folder };
    const child = spawn(program, words, { env, detached: true, stdio: [options.stdin ?? "ignore", ...outputs] });
    for (const output of outputs) closeSync(output);
    if (child.pid === undefined) throw new Error(`${program} cannot be started`);
    const ended = ending(child, files);
    // A test that ends without waiting for it takes the files away.
    ended.catch(() => {});
    return { pid: child.pid, ended };
  }

  /** Living processes of ours. */
  living(): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => environmentOf(pid).includes(`PWS_MARK=${this.#folder}`));
  }

  /** KILL to all of them, and waits until they are gone. */
  async killAll(): Promise<void> {
    await until("nothing of ours lives", () => {
      const left = this.living();
      for (const pid of left) kill(pid);
      return left.length === 0;
    });
  }
}

/** Waits until it is so; fails by name when it never is. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; !isSo(); await wait(20))
    if (Date.now() > deadline) throw new Error(`still not so after ${PATIENCE_MS / 1000} s: ${what}`);
}

/** Empty for a zombie and for a process that is gone. */
function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}

async function ending(child: ChildProcess, files: readonly string[]): Promise<Ended> {
  const [code, signal] = await once(child, "exit");
  const [stdout = "", stderr = ""] = files.map((file) => readFileSync(file, "utf8"));
  return { code, signal, stdout, stderr };
}
