import { readFileSync } from "node:fs";
import { errorCode } from "../errors.ts";

interface ProcessState {
  readonly startTicks: number;
  /** Ended, but not yet waited for by its parent: it does nothing any more. */
  readonly zombie: boolean;
}

/** proc_pid_stat(5): the name in parentheses may hold anything, so fields are counted from its last `)`. */
function parseStat(text: string): ProcessState {
  const [state, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { startTicks: Number(rest[18]), zombie: state === "Z" || state === "X" };
}

function findState(pid: number): ProcessState | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}

/** Ticks from boot to the start of a process; 0 where the system does not say. */
export const startTicksOf = (pid: number): number => findState(pid)?.startTicks ?? 0;

/** Whether a signal could reach `pid`. Not ours to signal (EPERM) is alive too. */
function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

/** Whether the process that had this pid and start still runs. Where /proc does not show it, its pid alone decides. */
export function processLives(pid: number, startTicks: number): boolean {
  const state = findState(pid);
  return state === undefined ? answers(pid) : state.startTicks === startTicks && !state.zombie;
}
