import { findLiveHolder, findNamedHolder } from "./live-holder.ts";
import type { PipelineLocks } from "./lock.ts";
import type { LockOptions } from "./options.ts";
import { isSound, LOCK_TIMING } from "./timing.ts";

/** The locks in a config directory's `.sched/locks`. Taking one loads its code; looking at one does not. */
export function pipelineLocks(options: Partial<LockOptions> = {}): PipelineLocks {
  const { timing = LOCK_TIMING } = options;
  if (!isSound(timing)) throw new Error(`the lock's times do not hold each other up: ${JSON.stringify(timing)}`);
  return {
    findLiveHolder,
    findNamedHolder,
    async acquire(paths, pipeline, claim, patience) {
      const { acquire } = await import("./acquire.ts");
      return acquire(paths, pipeline, claim, { ...options, patience });
    },
  };
}
