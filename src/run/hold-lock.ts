import { newRunId } from "../history/record.ts";
import type { Host } from "../host.ts";
import type { HeldLock } from "../lock/lock.ts";
import { renderHolder } from "./checks/holder.ts";
import { findEvidence, renderEvidence } from "./checks/preflight.ts";
import { renderContainer } from "./containers/find.ts";
import { findInstalledContainers } from "./containers/installed.ts";
import type { PipelineStore } from "./pipeline-store.ts";
import { type OtherWork, recordLost } from "./records/lost-runs.ts";

/** The pipeline's lock, or the reason why it is not free, as a sentence fragment that follows the pipeline's name. */
export type HoldResult = { readonly lock: HeldLock } | { readonly inUse: string };

/**
 * Acquires a pipeline's lock for work that is not a run, unless the pipeline is running, also without this program.
 * Take the stop signals (`takeStopSignals`) before the first call: the lock's library would end this process at a
 * signal.
 *
 * @param task the work, as the owner record names it
 */
export async function holdLock(store: PipelineStore, host: Host, task: OtherWork): Promise<HoldResult> {
  const startedAt = host.now();
  const attempt = await store.lock.acquire({
    host: host.name,
    pid: host.pid,
    uid: host.uid,
    runId: newRunId(startedAt),
    startedAt,
    task,
    limitations: [],
    onDead: async (dead) => {
      await recordLost(store, dead, `found by ${task}, on host ${host.name}`);
    },
  });
  if (attempt.kind === "held") return { inUse: renderHolder(attempt, host.now()) };
  let isKept = false;
  try {
    const inUse = await findUse(store, host);
    isKept = inUse === undefined;
    return inUse === undefined ? { lock: attempt.lock } : { inUse };
  } finally {
    if (!isKept) await attempt.lock.release();
  }
}

/** Finds a container or a foreign run of a pipeline whose lock is free. @returns a sentence fragment, or `undefined` */
async function findUse(store: PipelineStore, host: Host): Promise<string | undefined> {
  const [container] = await findInstalledContainers(store, host);
  return container === undefined ? renderEvidence(await findEvidence(store, host)) : renderContainer(container);
}
