import type { LockView, TokenView } from "../lock/inspect.ts";
import { hasDoubtfulHolder, listLocks } from "../lock/pipeline-locks.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import { openPipelineStore, type PipelineStore } from "../run/pipeline-store.ts";
import { reapRun, recordLost, showLost } from "../run/records/lost-runs.ts";
import type { TendContext } from "./part.ts";

/** A lock with a holder that does not run on this host. */
interface DoubtfulLock {
  readonly store: PipelineStore;
  readonly lock: LockView;
}

async function* doubtfulLocks({ paths, host }: TendContext): AsyncGenerator<DoubtfulLock, void> {
  for (const id of await listLocks(paths)) {
    if (!(await hasDoubtfulHolder(paths, id))) continue;
    const store = openPipelineStore(id, { paths, host });
    yield { store, lock: await store.lock.inspect() };
  }
}

const howOf = ({ host }: TendContext): string => `found by tend, on host ${host.name}`;

/**
 * Records the runs whose wrapper has ended on this host and whose pipeline has ended too, as the next start of their
 * pipelines would. Only the process that removes the token of a run records it.
 */
export async function recordLostRuns(context: TendContext): Promise<void> {
  for await (const { store, lock } of doubtfulLocks(context)) {
    for (const view of lock.tokens) {
      if (view.state.kind !== "dead") continue;
      const { record } = await reapRun(store, { lock, view, how: howOf(context), as: "reap" });
      showLost(context.host, record);
    }
  }
}

/** Whether a holder that is not proved dead has been silent for its whole lease. */
const isSilent = ({ state, silentMs = 0 }: TokenView): boolean =>
  state.kind === "unproved" && silentMs > LOCK_TIMING.leaseMs;

/**
 * Watches the holders on other hosts that have been silent for longer than a lease. It watches all of them at once, for
 * one more lease, and records the runs of those that stay silent, as the next start of their pipelines would.
 */
export async function outlastSilentRuns(context: TendContext): Promise<void> {
  const watches: Promise<unknown>[] = [];
  for await (const { store, lock } of doubtfulLocks(context)) {
    const onDead: Parameters<LockView["outlast"]>[1]["onDead"] = async (dead) =>
      showLost(context.host, await recordLost(store, dead, howOf(context)));
    const giveUp = new Promise(() => {});
    watches.push(...lock.tokens.filter(isSilent).map((view) => lock.outlast(view, { onDead, giveUp })));
  }
  const ended = await Promise.allSettled(watches);
  const failed = ended.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
