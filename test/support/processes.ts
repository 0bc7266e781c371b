import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { RUN_TOKEN_ENV } from "../../src/lock/lock.ts";
import { waitFor } from "./wait.ts";

export interface Process {
  readonly pid: number;
  readonly words: readonly string[];
}

/** Every live process in the mount namespace of `pid`, itself included: what a machine started cannot hide from its test. */
export function namespaceProcesses(pid: number): readonly Process[] {
  const wanted = namespaceOf(pid);
  if (wanted === undefined) return [];
  return allPids()
    .filter((one) => namespaceOf(one) === wanted)
    .flatMap((one) => {
      const words = readProcess(one, "cmdline");
      return words === undefined ? [] : [{ pid: one, words: words.split("\0").slice(0, -1) }];
    });
}

/** Live processes of the pipelines that this wrapper started, by the mark in their environment. */
export function pipelineProcesses(wrapper: number): readonly number[] {
  const mark = new RegExp(`(?:^|\\0)${RUN_TOKEN_ENV}=\\w+\\.\\d+\\.${wrapper}\\.`);
  return allPids().filter((pid) => mark.test(readProcess(pid, "environ") ?? ""));
}

/** Whether a process is running. A zombie is not. */
export function isRunning(pid: number): boolean {
  const stat = readProcess(pid, "stat");
  return stat !== undefined && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
}

/** Whether a process leads its group: what `run` started itself, not what came of it. */
export function leadsGroup(pid: number): boolean {
  const stat = readProcess(pid, "stat") ?? "";
  // Behind the name in parentheses, which may hold anything: state, parent, group.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2] === String(pid);
}

/** The environment a process was started with, as `NAME=value`; `undefined` when it is gone or just being started. */
export function environmentOf({ pid }: Pick<Process, "pid">): readonly string[] | undefined {
  const text = readProcess(pid, "environ");
  return text === undefined || text === "" ? undefined : text.split("\0").slice(0, -1);
}

/** Ends processes by their pids, first with SIGTERM, then with SIGKILL. Repeats for processes that started later. */
export async function endProcesses(find: () => readonly Process[]): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    for (const { pid } of find()) sendSignal(pid, signal);
    const gone = waitFor("the end of the processes", 5_000, () => (find().length === 0 ? true : undefined));
    if (signal === "SIGKILL") await gone;
    else await gone.catch(() => undefined);
  }
}

/** @param pid negative: of a whole group */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has already ended.
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

/** The pids of all processes of this machine. */
export const allPids = (): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function readProcess(pid: number, file: "cmdline" | "environ" | "stat"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
