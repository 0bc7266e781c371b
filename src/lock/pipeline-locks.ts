import type { LockOptions } from "./acquire.ts";
import { findLiveHolder } from "./live-holder.ts";
import type { PipelineLocks } from "./lock.ts";

/** The locks in a config directory's `.sched/locks`. Taking one loads its code; looking at one does not. */
export function pipelineLocks(options: Partial<LockOptions> = {}): PipelineLocks {
  return {
    findLiveHolder,
    async acquire(paths, pipeline, claim) {
      const { acquire, LOCK_OPTIONS } = await import("./acquire.ts");
      return acquire(paths, pipeline, claim, { ...LOCK_OPTIONS, ...options });
    },
  };
}
