import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../../errors.ts";
import { realpath } from "../../storage/fs.ts";

const FIRST_POLL_MS = 5;
const LONGEST_POLL_MS = 500;

/** Sends a signal to every process of a group. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  signalProcess(-group, signal);
}

/**
 * Sends a signal to one process. One that has gone is fine; one that became another user's (sudo) can only be waited
 * for.
 */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) !== "ESRCH" && errorCode(error) !== "EPERM") throw error;
  }
}

/** proc_pid_stat(5), from behind the name in parentheses, which may hold anything: state, parent, group. */
function isWorkingMember(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, , of] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(of) === group && state !== "Z" && state !== "X";
  } catch {
    return false; // It ended while we looked.
  }
}

/** Live processes of a group, by pid; `undefined` where /proc does not tell. */
function workingMembers(group: number): readonly number[] | undefined {
  try {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.filter((pid) => isWorkingMember(pid, group)).map(Number);
  } catch {
    return undefined;
  }
}

function answers(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

/**
 * Whether any process of the group still does something. A zombie answers signals but is done: in a container without an
 * init it stays for ever.
 */
export function groupWorks(group: number): boolean {
  return groupMembers(group).length > 0;
}

/** Processes of the group that still do something; where /proc does not tell, the leader stands for them. */
export const groupMembers = (group: number): readonly number[] =>
  answers(group) ? (workingMembers(group) ?? [group]) : [];

/** Resolves when no process of the group works any more. */
export async function groupGone(group: number): Promise<void> {
  for (let pause = FIRST_POLL_MS; groupWorks(group); pause = Math.min(pause * 2, LONGEST_POLL_MS)) await sleep(pause);
}

/** util-linux's setpriv, where there is one. Busybox has a program of that name that does not know --pdeathsig. */
export async function findSetpriv(): Promise<string | undefined> {
  for (const file of ["/usr/bin/setpriv", "/bin/setpriv"]) {
    try {
      if (basename(await realpath(file)) === "setpriv") return file;
    } catch {
      // Not here: a system without util-linux, such as macOS.
    }
  }
  return undefined;
}
