import { setTimeout as sleep } from "node:timers/promises";
import type { MarkedProcesses } from "../../lock/processes.ts";
import type { LockTiming } from "../../lock/timing.ts";
import { groupGone, groupMembers, signalGroup, signalProcess } from "./process-group.ts";
import type { Pipeline } from "./spawn.ts";

export type StopTiming = Pick<LockTiming, "graceMs" | "killGraceMs"> & Partial<Pick<LockTiming, "heartbeatMs">>;

/** What a stop needs to know beside the pipeline. */
export interface StopHelp {
  /** Resolves when someone asks again: the next step comes at once. */
  readonly next: () => Promise<unknown>;
  /** What bears the pipeline's mark or has its lock, whether it stayed in the group or not. */
  readonly marked: MarkedProcesses;
  /** Hears of each step, such as `sent SIGTERM to the pipeline process, pid 4711`. */
  readonly tell: (stage: string) => void;
}

/** Resolves when `done` does, when someone is in a hurry, or after `ms`: whatever comes first. */
async function waitFor(done: Promise<unknown>, ms: number, hurry: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([done, late, hurry]);
  clearTimeout(timer);
}

const POLL_MS = 100;

/** @returns whether anything was left to get the signal */
async function signalAll(pid: number, signal: NodeJS.Signals, { marked, tell }: StopHelp): Promise<boolean> {
  const members = groupMembers(pid);
  if (members.length > 0) signalGroup(pid, signal);
  const strays = await marked.signal(signal, members);
  const pids = [...members, ...strays];
  if (pids.length === 0) return false;
  tell(`sent ${signal} to the remaining processes: ${pids.join(", ")}`);
  return true;
}

/**
 * Ends a pipeline in three steps: SIGTERM to the leader, which tells its children itself and closes its logs; SIGTERM to
 * what is left of it; SIGKILL. Resolves after the last step that was needed.
 */
export async function stopPipeline(
  pipeline: Pipeline,
  { graceMs, killGraceMs }: StopTiming,
  help: StopHelp,
): Promise<void> {
  const { pid } = pipeline;
  help.tell(`sent SIGTERM to the pipeline process, pid ${pid}`);
  signalProcess(pid, "SIGTERM");
  await waitFor(pipeline.ended, graceMs, help.next());
  // Before the look at all processes, which takes a moment: whoever asks meanwhile is heard.
  const again = help.next();
  if (!(await signalAll(pid, "SIGTERM", help))) return;
  let late = false;
  const allGone = async () => {
    await groupGone(pid);
    while (!late && (await help.marked.find()).length > 0) await sleep(POLL_MS);
  };
  await waitFor(allGone(), killGraceMs, again);
  late = true;
  await signalAll(pid, "SIGKILL", help);
}
