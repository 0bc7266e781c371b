import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { errorCode } from "../errors.ts";

/** The state of a process, from proc_pid_stat(5). */
export interface ProcessState {
  readonly startTicks: number;
  /** It has ended, but its parent has not waited for it yet. */
  readonly zombie: boolean;
  readonly parent: number;
  /** Process group. */
  readonly group: number;
  /** A thread of the kernel: it runs no program. */
  readonly kernelThread: boolean;
}

/** The kernel's flag for its own threads (include/linux/sched.h). */
const PF_KTHREAD = 0x0020_0000;

/** proc_pid_stat(5): the name in parentheses may contain anything, so fields are counted from the last `)`. */
function parseStat(text: string): ProcessState {
  const [state, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    startTicks: Number(rest[18]),
    zombie: state === "Z" || state === "X",
    parent: Number(rest[0]),
    group: Number(rest[1]),
    kernelThread: (Number(rest[5]) & PF_KTHREAD) !== 0,
  };
}

/** State of a process from /proc; `undefined` if /proc does not show it. */
export function findState(pid: number): ProcessState | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

/** Ticks from boot to the start of a process; 0 if /proc does not show it. */
export const startTicksOf = (pid: number): number => findState(pid)?.startTicks ?? 0;

/** USER_HZ: the kernel counts a process's start in hundredths of a second on every platform that Node runs on. */
const TICK_MS = 10;

/**
 * Milliseconds since a process started, by clocks that nobody sets. The start of this process is the reference, because
 * /proc/uptime in a container may not match the start times.
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

/** Whether a process with this pid exists. EPERM means that it exists and belongs to another user. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

/** Sends a signal to every process of a group. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  signalProcess(-group, signal);
}

/**
 * Sends a signal to one process. Ignores a process that has ended, and one that now belongs to another user (sudo),
 * which can only be waited for.
 */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) !== "ESRCH" && errorCode(error) !== "EPERM") throw error;
  }
}

/** Whether the process with this pid and start time is running. Without /proc, only the pid decides. */
export function isProcessRunning(pid: number, startTicks: number): boolean {
  const state = findState(pid);
  return state === undefined ? processExists(pid) : state.startTicks === startTicks && !state.zombie;
}

/** The name of a process: of its program or script, at most 15 characters long. */
function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd();
  } catch {
    return "a process that has just ended";
  }
}

/** Processes as text: `sleep (pid 4711), target-postgres (pid 4712)`. */
export const renderProcesses = (pids: readonly number[]): string =>
  pids.map((pid) => `${nameOf(pid)} (pid ${pid})`).join(", ");

/**
 * The pids of all processes, in ascending order.
 *
 * @param root directory that replaces `/`
 * @returns `undefined` if they cannot be listed: /proc is missing, empty, or that of another pid namespace
 */
export function listPids(root = "/"): readonly number[] | undefined {
  try {
    if (root === "/" && readlinkSync("/proc/self") !== String(process.pid)) return undefined;
    return readdirSync(`${root}/proc`)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((one, other) => one - other);
  } catch {
    return undefined;
  }
}
