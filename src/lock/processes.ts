import { readFileSync, readlinkSync } from "node:fs";
import { hostname, uptime } from "node:os";
import { errorCode } from "../errors.ts";
import { RUN_MARK } from "./lock.ts";

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

/** State of a process from /proc; `undefined` if /proc does not show it. */
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

/** The kernel that runs us, and the pid namespace that we see. */
export interface Kernel {
  readonly bootId: string;
  readonly pidNamespace: string;
}

/**
 * Which kernel this is. Read at every tick, so in few steps; /proc never hangs.
 *
 * Without /proc (macOS) the host's name stands for the boot: after a reboot the pid of a dead holder is judged as if it
 * were of this boot, and counts as alive while another process has it.
 */
export function thisKernel(): Kernel {
  try {
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { bootId, pidNamespace: readlinkSync("/proc/self/ns/pid").replace(/\D/g, "") };
  } catch {
    return { bootId: hostname(), pidNamespace: "0" };
  }
}

/** The installation of this machine, the same over reboots; empty where the system keeps none. */
export function machineId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return "";
  }
}

/** Milliseconds since boot, sleep included: a clock that no one sets, to measure waiting with. */
export const sinceBootMs = (): number => uptime() * 1000;

/** Measures time and waits. */
export interface LockClock {
  sinceBootMs(): number;
  /** Resolves after `ms`, or with `until`. */
  pause(ms: number, until?: Promise<unknown>): Promise<void>;
}

export const realClock: LockClock = {
  sinceBootMs,
  async pause(ms, until) {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await (until === undefined ? over : Promise.race([over, until]));
    clearTimeout(timer);
  },
};

/** /proc hides the processes of others (EACCES), and some end meanwhile (ENOENT, ESRCH): they are none of ours. */
function stdinOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    return "";
  }
}

/** Loaded when it is needed, which takes longer than a run has time for; most runs look at no process. */
const promises = () => import("node:fs/promises");

async function belongsTo(pid: string, token: string, flockFile: string): Promise<boolean> {
  // Not synchronous: the kernel may make us wait for the memory of a process that is stuck.
  const { readFile } = await promises();
  const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  return environment.split("\0").includes(`${RUN_MARK}=${token}`) || stdinOf(pid) === flockFile;
}

/**
 * Live processes of a pipeline: those that bear the token as their mark, or have the kernel lock as their stdin. A zombie
 * has neither. Processes of another user are seen by root only; without /proc none is.
 */
export async function findPipelineProcesses(token: string, flockFile: string): Promise<readonly number[]> {
  const { readdir } = await promises();
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found: number[] = [];
  for (const pid of pids) {
    if (await belongsTo(pid, token, flockFile)) found.push(Number(pid));
  }
  return found;
}

/**
 * Sends a signal to those processes, each looked at anew just before: a pid may be another's by then. @returns which
 */
async function signalPipelineProcesses(
  token: string,
  flockFile: string,
  { signal, except }: { readonly signal: NodeJS.Signals; readonly except: readonly number[] },
): Promise<readonly number[]> {
  const told: number[] = [];
  for (const pid of await findPipelineProcesses(token, flockFile)) {
    if (except.includes(pid) || !(await belongsTo(String(pid), token, flockFile))) continue;
    try {
      process.kill(pid, signal);
      told.push(pid);
    } catch (error) {
      // It has gone, or it is another user's by now, whom we cannot tell anything.
      if (errorCode(error) !== "ESRCH" && errorCode(error) !== "EPERM") throw error;
    }
  }
  return told;
}

/** Finds and signals the running processes of one run's pipeline. */
export interface MarkedProcesses {
  find(): Promise<readonly number[]>;
  /** @param except those that have been told already */
  signal(signal: NodeJS.Signals, except?: readonly number[]): Promise<readonly number[]>;
}

export const markedProcesses = (token: string, flockFile: string): MarkedProcesses => ({
  find: () => findPipelineProcesses(token, flockFile),
  signal: (signal, except = []) => signalPipelineProcesses(token, flockFile, { signal, except }),
});
