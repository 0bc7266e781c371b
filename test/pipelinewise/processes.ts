import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { allPids, environmentOf, sendSignal } from "../support/processes.ts";
import { until } from "../support/wait.ts";

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A start that goes on. `pid` leads its process group. */
export interface Started {
  readonly pid: number;
  /** Its stderr so far. */
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
}

/** Starts programs whose whole offspring can be found again, whoever its parent is: all bear a mark in their environment. */
export class Starter {
  readonly #directory: string;
  #starts = 0;

  /** @param directory names the mark and takes the outputs */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param options.stdin a descriptor that it gets as its stdin */
  start(
    program: string,
    words: readonly string[],
    options: { env: Readonly<Record<string, string>>; stdin?: number },
  ): Started {
    // Files, not pipes: an orphaned tree may keep them open as long as it likes.
    this.#starts += 1;
    const files = ["stdout", "stderr"].map((name) => join(this.#directory, `${name}-${this.#starts}`));
    const outputs = files.map((file) => openSync(file, "w"));
    const env = { ...options.env, PWS_MARK: this.#directory };
    const child = spawn(program, words, { env, detached: true, stdio: [options.stdin ?? "ignore", ...outputs] });
    for (const output of outputs) closeSync(output);
    if (child.pid === undefined) throw new Error(`${program} cannot be started`);
    const ended = ending(child, files);
    // A test that ends without waiting for it takes the files away.
    ended.catch(() => {});
    return { pid: child.pid, stderr: () => readFileSync(files[1] ?? "", "utf8"), ended };
  }

  /** Living processes of ours. */
  living(): readonly number[] {
    return allPids().filter((pid) => environmentOf({ pid })?.includes(`PWS_MARK=${this.#directory}`));
  }

  /** KILL to all of them, and waits until they are gone. */
  async killAll(): Promise<void> {
    await until("all processes of the test have ended", () => {
      const left = this.living();
      for (const pid of left) sendSignal(pid, "SIGKILL");
      return left.length === 0;
    });
  }
}

async function ending(child: ChildProcess, files: readonly string[]): Promise<Ended> {
  const [code, signal] = await once(child, "exit");
  const [stdout = "", stderr = ""] = files.map((file) => readFileSync(file, "utf8"));
  return { code, signal, stdout, stderr };
}
