import { constants } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaggedProcesses } from "../../lock/processes.ts";
import { access, realpath } from "../../storage/fs.ts";
import { findState, isProcessRunning, listPids, processExists, startTicksOf } from "../../system/proc.ts";

const FIRST_POLL_MS = 5;
const LONGEST_POLL_MS = 500;

const SETPRIV_PLACES = ["/usr/bin/setpriv", "/bin/setpriv"];

/** Pids of the running processes of a group; `undefined` without /proc. */
function runningMembers(group: number): readonly number[] | undefined {
  return listPids()?.filter((pid) => {
    const state = findState(pid);
    return state !== undefined && state.group === group && !state.zombie;
  });
}

/**
 * Whether any process of the group is running. A zombie is not running although it accepts signals: in a container
 * without an init it stays forever.
 */
function groupIsRunning(group: number): boolean {
  return groupMembers(group).length > 0;
}

/** Pids of the running processes of the group. Without /proc, the leader's pid stands for all of them. */
export const groupMembers = (group: number): readonly number[] =>
  processExists(-group) ? (runningMembers(group) ?? [group]) : [];

/** Asks less and less often until the answer is no. */
async function pollWhile(isRunning: () => boolean): Promise<void> {
  for (let pause = FIRST_POLL_MS; isRunning(); pause = Math.min(pause * 2, LONGEST_POLL_MS)) await sleep(pause);
}

/**
 * Resolves when no process of a pipeline is running: none of its group, and none that has left the group.
 *
 * @param marked the processes that have the run token or the kernel lock
 */
export async function pipelineGone(group: number, marked: Pick<TaggedProcesses, "find">): Promise<void> {
  for (;;) {
    await pollWhile(() => groupIsRunning(group));
    const left = (await marked.find()).map((pid) => ({ pid, startTicks: startTicksOf(pid) }));
    if (left.length === 0) return;
    // The search of all processes takes a moment, so it is repeated only when these have ended.
    await pollWhile(() => left.some(({ pid, startTicks }) => isProcessRunning(pid, startTicks)));
  }
}

/**
 * Path of util-linux's setpriv; `undefined` if it is not installed or this user may not execute it. Busybox's setpriv
 * has no --pdeathsig.
 */
export async function findSetpriv(places: readonly string[] = SETPRIV_PLACES): Promise<string | undefined> {
  for (const file of places) {
    try {
      if (basename(await realpath(file)) !== "setpriv") continue;
      await access(file, constants.X_OK);
      return file;
    } catch {
      // A system without util-linux, such as macOS, or one that restricts setpriv.
    }
  }
  return undefined;
}
