import { readFileSync, readlinkSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { errorCode } from "../errors.ts";
import { RUN_MARK } from "./lock.ts";

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

/** /proc hides the processes of others: EACCES, and ENOENT or ESRCH for those that end meanwhile. */
const lookOr = <T>(look: () => T, otherwise: T): T => {
  try {
    return look();
  } catch {
    return otherwise;
  }
};

/**
 * Live processes of a pipeline: those that bear the token as their mark, or have the kernel lock as their stdin. A zombie
 * has neither. Processes of another user are seen by root only; without /proc none is.
 */
export async function findPipelineProcesses(token: string, flockFile: string): Promise<readonly number[]> {
  const mark = `${RUN_MARK}=${token}`;
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found: number[] = [];
  for (const pid of pids) {
    // Not synchronous: the kernel may make us wait for the memory of a process that is stuck.
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    const stdin = lookOr(() => readlinkSync(`/proc/${pid}/fd/0`), "");
    if (environment.split("\0").includes(mark) || stdin === flockFile) found.push(Number(pid));
  }
  return found;
}
