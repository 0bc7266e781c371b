import type { LockTiming } from "../lock/timing.ts";
import type { Pipeline } from "./child.ts";
import { groupGone, groupWorks, signalGroup, signalProcess } from "./process-group.ts";

export type StopTiming = Pick<LockTiming, "graceMs" | "killGraceMs">;

/** Resolves when `done` does, when someone is in a hurry, or after `ms`: whatever comes first. */
async function waitFor(done: Promise<unknown>, ms: number, hurry: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([done, late, hurry]);
  clearTimeout(timer);
}

/**
 * Ends a pipeline in three steps: SIGTERM to the leader, which tells its children itself and closes its logs; SIGTERM to
 * what is left of the group; SIGKILL. Resolves after the last step that was needed.
 *
 * @param next resolves when someone asks again: the next step comes at once
 */
export async function stopPipeline(
  pipeline: Pipeline,
  { graceMs, killGraceMs }: StopTiming,
  next: () => Promise<void>,
): Promise<void> {
  signalProcess(pipeline.pid, "SIGTERM");
  await waitFor(pipeline.ended, graceMs, next());
  if (!groupWorks(pipeline.pid)) return;
  signalGroup(pipeline.pid, "SIGTERM");
  await waitFor(groupGone(pipeline.pid), killGraceMs, next());
  if (groupWorks(pipeline.pid)) signalGroup(pipeline.pid, "SIGKILL");
}
