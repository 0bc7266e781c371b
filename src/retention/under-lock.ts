import { setTimeout as sleep } from "node:timers/promises";
import { lockLabel, mainLockOf, type PipelineId } from "../pipeline-id.ts";
import { holdLock } from "../run/hold-lock.ts";
import { openPipelineStore } from "../run/pipeline-store.ts";
import { SECOND_MS } from "../time-units.ts";
import type { ExpiryContext } from "./expired.ts";

const [QUIET_FROM, QUIET_UNTIL] = [10, 45];

/**
 * The time until a second of the minute at which schedulers seldom start anything: a start that finds the lock held is
 * skipped.
 */
export function untilQuietMs(at: Date): number {
  const second = at.getUTCSeconds();
  if (second >= QUIET_FROM && second < QUIET_UNTIL) return 0;
  return ((QUIET_FROM - second + 60) % 60) * SECOND_MS;
}

/**
 * Calls a function under the lock of a pipeline. A signal ends this process and releases the lock, so the function must
 * be one that may be interrupted.
 *
 * @returns its result, or a sentence that says why the lock is not free
 */
export async function underLock<T>(
  { paths, host }: Pick<ExpiryContext, "paths" | "host">,
  pipeline: PipelineId,
  act: () => Promise<T>,
): Promise<{ readonly result: T } | { readonly inUse: string }> {
  await sleep(untilQuietMs(host.now()));
  const lock = mainLockOf(pipeline);
  const held = await holdLock(openPipelineStore(lock, { paths, host }), host, "prune");
  if ("inUse" in held) return { inUse: `${lockLabel(lock)} ${held.inUse}` };
  try {
    return { result: await act() };
  } finally {
    await held.lock.release();
  }
}
