import { findLiveHolder } from "./live-holder.ts";
import type { PipelineLocks } from "./lock.ts";
import type { LockOptions } from "./options.ts";

/** The locks in a config directory's `.sched/locks`. Taking one loads its code; looking at one does not. */
export function pipelineLocks(options: Partial<LockOptions> = {}): PipelineLocks {
  return {
    findLiveHolder,
    async acquire(paths, pipeline, claim) {
      const { acquire } = await import("./acquire.ts");
      return acquire(paths, pipeline, claim, options);
    },
  };
}
