import type { RunRecord } from "../history/record.ts";
import type { Host } from "../host.ts";
import { inspectLock, type LockView, type TokenView } from "../lock/inspect.ts";
import type { LockHolder } from "../lock/lock.ts";
import { findLiveHolder } from "../lock/pipeline-locks.ts";
import type { LockId } from "../pipeline-id.ts";
import { recordLost } from "../run/lost-runs.ts";
import type { StatePaths } from "../storage/paths.ts";

/** Who acts on a run from outside, and why. */
export interface Actor {
  /** `ada on host etl-1`. */
  readonly by: string;
  readonly why: string | undefined;
}

/** Where one acts, and who hears of it. */
export interface Control {
  readonly paths: StatePaths;
  readonly host: Host;
  /** Takes one sentence on how far it is. */
  readonly say: (text: string) => void;
}

/** Who did it, in a record's words: `ada on host etl-1 (maintenance)`. */
export const actorWords = ({ by, why }: Actor): string => (why === undefined ? by : `${by} (${why})`);

type Place = Pick<Control, "paths" | "host">;

/**
 * Clears the lock of a run that is proved dead, and records it as lost, unless someone else was quicker.
 *
 * @param how it was found, and by whom
 * @param as "force": on the word of a human, where nothing proves it dead
 */
export async function buryRun(
  { paths, host }: Place,
  pipeline: LockId,
  { lock, view, how, as }: { lock: LockView; view: TokenView; how: string; as: "bury" | "force" },
): Promise<{ readonly taken: boolean; readonly record: RunRecord | undefined }> {
  let record: RunRecord | undefined;
  const taken = await lock[as](view, async (dead) => {
    record = await recordLost(paths, pipeline, dead, { host, how });
  });
  return { taken, record };
}

/** The run that a pipeline's lock stands for; those that prove dead on the way are recorded as lost. */
export async function findRunning({ paths, host }: Place, pipeline: LockId): Promise<LockHolder | undefined> {
  const live = await findLiveHolder(paths, pipeline);
  if (live !== undefined) return live;
  const lock = await inspectLock(paths, pipeline, host);
  for (const view of lock.tokens) {
    if (view.state.kind !== "dead") return view.holder;
    await buryRun({ paths, host }, pipeline, { lock, view, how: `found by status, on host ${host.name}`, as: "bury" });
  }
  return undefined;
}
