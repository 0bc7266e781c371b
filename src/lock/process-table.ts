import { readFileSync } from "node:fs";
import { errorCode } from "../errors.ts";

export interface ProcessState {
  readonly startTicks: number;
  /** Ended, but not yet waited for by its parent: it does nothing any more. */
  readonly zombie: boolean;
  readonly parent: number;
  /** Belongs to the kernel itself: no program was ever started in it. */
  readonly kernelThread: boolean;
}

/** The kernel's flag of its own threads (include/linux/sched.h). */
const PF_KTHREAD = 0x0020_0000;

/** proc_pid_stat(5): the name in parentheses may hold anything, so fields are counted from its last `)`. */
function parseStat(text: string): ProcessState {
  const [state, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    startTicks: Number(rest[18]),
    zombie: state === "Z" || state === "X",
    parent: Number(rest[0]),
    kernelThread: (Number(rest[5]) & PF_KTHREAD) !== 0,
  };
}

/** What /proc says of a process; `undefined` where it does not show it. */
export function findState(pid: number): ProcessState | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}

/** Ticks from boot to the start of a process; 0 where the system does not say. */
export const startTicksOf = (pid: number): number => findState(pid)?.startTicks ?? 0;

/** USER_HZ: the kernel counts a process's start in hundredths of a second on every platform that Node runs on. */
const TICK_MS = 10;

/**
 * How long ago a process started, by clocks that nobody sets. It is counted from the start of our own process, because a
 * container may show another /proc/uptime than the one that starts are counted by.
 */
export const ageMs = ({ startTicks }: ProcessState): number =>
  (startTicksOf(process.pid) - startTicks) * TICK_MS + performance.now();

/** Whether `pid` is `ofPid` itself or one of its ancestors. */
export function isAncestor(pid: number, ofPid: number): boolean {
  const seen = new Set<number>();
  for (let at = ofPid; at > 0 && !seen.has(at); at = findState(at)?.parent ?? 0) {
    if (at === pid) return true;
    seen.add(at);
  }
  return false;
}

/** Whether a signal could reach `pid`. Not ours to signal (EPERM) is alive too. */
export function answers(pid: number): boolean {
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
