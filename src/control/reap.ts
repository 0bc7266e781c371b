import type { RunRecord } from "../history/record.ts";
import type { Host } from "../host.ts";
import { inspectLock, type LockView, type TokenView } from "../lock/inspect.ts";
import type { LockHolder } from "../lock/lock.ts";
import { findLiveHolder } from "../lock/pipeline-locks.ts";
import type { LockId } from "../pipeline-id.ts";
import { recordLost } from "../run/lost-runs.ts";
import type { StatePaths } from "../storage/paths.ts";

/** The user who acts on a run from outside, and the reason. */
export interface Actor {
  /** `ada on host etl-1`. */
  readonly by: string;
  readonly why: string | undefined;
}

/** The context of a command that acts on a run from outside. */
export interface Control {
  readonly paths: StatePaths;
  readonly host: Host;
  /** Reports one step to the user. */
  readonly say: (text: string) => void;
}

/** The actor as text for a record: `ada on host etl-1 (maintenance)`. */
export const actorWords = ({ by, why }: Actor): string => (why === undefined ? by : `${by} (${why})`);

type Place = Pick<Control, "paths" | "host">;

/**
 * Removes the token of a dead run and records the run as lost, unless another process removed the token first.
 *
 * @param how text for the record: who found the run, and how
 * @param as "force": a user says that it is dead, and nothing proves it
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

/** The run that holds a pipeline's lock. Dead runs that it finds are recorded as lost. */
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
