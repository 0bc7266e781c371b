import type { TaggedProcesses } from "../../lock/processes.ts";
import type { LockTiming } from "../../lock/timing.ts";
import { signalGroup, signalProcess } from "../../system/proc.ts";
import { groupMembers, pipelineGone } from "./process-group.ts";
import type { PipelineProcess } from "./spawn.ts";

export type StopTiming = Pick<LockTiming, "graceMs" | "killGraceMs"> & Partial<Pick<LockTiming, "heartbeatMs">>;

/** Helpers of a stop. */
export interface StopHelp {
  /** Resolves at the next signal or urgent request, which skips the current grace period. */
  readonly secondSignal: () => Promise<unknown>;
  /** All processes that have the run token or the kernel lock, also those that left the process group. */
  readonly marked: TaggedProcesses;
  /** Reports each step, such as `sent SIGTERM to the pipeline process, pid 4711`. */
  readonly report: (step: string) => void;
}

/** Resolves when `done` does, at a second signal, or after `ms`, whichever is first. */
export async function waitFor(
  done: Promise<unknown>,
  ms: number,
  secondSignal: Promise<unknown> = new Promise(() => {}),
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([done, late, secondSignal]);
  clearTimeout(timer);
}

/** Sends a signal to all remaining processes. @returns whether there were any */
async function signalAll(pid: number, signal: NodeJS.Signals, { marked, report }: StopHelp): Promise<boolean> {
  const members = groupMembers(pid);
  if (members.length > 0) signalGroup(pid, signal);
  const escaped = await marked.signal(signal, members);
  const pids = [...members, ...escaped];
  if (pids.length === 0) return false;
  report(`sent ${signal} to the remaining processes: ${pids.join(", ")}`);
  return true;
}

/**
 * Stops a pipeline in three steps: SIGTERM to the pipeline process, which stops its children and closes its logs; SIGTERM
 * to all remaining processes; SIGKILL. Resolves after the last step that was needed.
 */
export async function stopPipeline(
  { pid, ended }: Pick<PipelineProcess, "pid" | "ended">,
  { graceMs, killGraceMs }: StopTiming,
  help: StopHelp,
): Promise<void> {
  help.report(`sent SIGTERM to the pipeline process, pid ${pid}`);
  signalProcess(pid, "SIGTERM");
  await waitFor(ended, graceMs, help.secondSignal());
  // Listen before the search of all processes, which takes a moment, so that a signal during it counts.
  const secondSignal = help.secondSignal();
  if (!(await signalAll(pid, "SIGTERM", help))) return;
  await waitFor(pipelineGone(pid, help.marked), killGraceMs, secondSignal);
  await signalAll(pid, "SIGKILL", help);
}
