import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { waitFor } from "./wait.ts";

export interface Process {
  readonly pid: number;
  readonly words: readonly string[];
}

/** Every live process in the mount namespace of `pid`, itself included: what a world started cannot hide from its test. */
export function namespaceProcesses(pid: number): readonly Process[] {
  const wanted = namespaceOf(pid);
  if (wanted === undefined) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && namespaceOf(Number(name)) === wanted)
    .flatMap((name) => {
      const words = readProcess(Number(name), "cmdline");
      return words === undefined ? [] : [{ pid: Number(name), words: words.split("\0").slice(0, -1) }];
    });
}

/** The environment a process was started with, as `NAME=value`; `undefined` when it is gone or just being started. */
export function environmentOf({ pid }: Process): readonly string[] | undefined {
  const text = readProcess(pid, "environ");
  return text === undefined || text === "" ? undefined : text.split("\0").slice(0, -1);
}

/** Ends processes by their pids: asks, then insists; again for those that came meanwhile. */
export async function endProcesses(find: () => readonly Process[]): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    for (const { pid } of find()) end(pid, signal);
    const gone = waitFor("the end of what runs in the cron world", 5_000, () =>
      find().length === 0 ? true : undefined,
    );
    if (signal === "SIGKILL") await gone;
    else await gone.catch(() => undefined);
  }
}

function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}

/** `undefined`: gone, or a zombie, which has left its namespaces. */
function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

function readProcess(pid: number, file: "cmdline" | "environ"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
