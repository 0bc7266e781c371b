import { dirname } from "node:path";
import type { LockId } from "../command/request.ts";
import { errorCode, SchedError } from "../errors.ts";
import { nonce } from "../nonce.ts";
import { ensureFolder } from "../state-folder.ts";
import { flockFile, lockFolder, type StatePaths } from "../state-paths.ts";
import { storeFault } from "../store-fault.ts";
import { contend } from "./contend.ts";
import { type FlockFile, openFlock, takeFlock } from "./flock.ts";
import type { HeldLock, LockAttempt, LockClaim, LockHolder } from "./lock.ts";
import { LOCK_OPTIONS, type LockOptions } from "./options.ts";
import { recordOf } from "./own-record.ts";
import { prune } from "./prune.ts";
import { renderRecord } from "./record.ts";
import type { RecordLock } from "./record-lock.ts";
import { renderToken } from "./token.ts";
import { lacksOf, noteWeakness } from "./weakness.ts";

interface HeldParts {
  readonly lock: RecordLock;
  /** Open as long as we have the kernel's lock. */
  readonly flock: FlockFile | undefined;
  readonly weakness: string | undefined;
  readonly tookOverFrom: LockHolder | undefined;
}

function heldLock({ lock, flock, weakness, tookOverFrom }: HeldParts): HeldLock {
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    try {
      await lock.release();
    } finally {
      // Last: whoever gets the kernel's lock finds no record of ours any more.
      await flock?.close();
    }
  };
  return {
    token: lock.token,
    stdin: flock?.fd,
    weakness,
    tookOverFrom,
    lost: lock.lost,
    release: () => (released ??= release()),
  };
}

async function acquireLayers(
  paths: StatePaths,
  pipeline: LockId,
  claim: LockClaim,
  options: LockOptions,
): Promise<LockAttempt> {
  const { files, timing, clock, patience = {} } = options;
  const folder = lockFolder(paths, pipeline);
  await ensureFolder(paths, dirname(folder), claim.uid);
  const contest = await contend({
    settleMs: options.settleMs,
    async openKernelLock() {
      const flock = await openFlock(flockFile(paths, pipeline));
      const how = { program: options.flockProgram, timeoutMs: options.flockTimeoutMs };
      return { ...flock, take: () => takeFlock(flock.fd, how) };
    },
    // flock(1) is a process of its own: the library is loaded meanwhile.
    meanwhile: async () => void (await import("./record-lock.ts")),
    sceneWith: (flock, answer) => ({
      ...{ files, clock, patience, folder },
      flockFile: flockFile(paths, pipeline),
      here: recordOf(claim, answer.kind === "taken" ? flock.id : null, timing, lacksOf(answer, claim)),
      nonce: nonce(),
      onDead: claim.onDead,
    }),
    async tryRecord({ here }) {
      const { tryRecordLock } = await import("./record-lock.ts");
      const ours = { newToken: () => renderToken(here, nonce()), record: renderRecord(here) };
      const { sinceBootMs } = clock;
      return tryRecordLock({ ...ours, files, folder, makeWithinMs: timing.leaseMs / 4, sinceBootMs }, timing);
    },
  });
  if (contest.kind === "held") return contest;
  const { lock, kernel, answer, scene, tookOverFrom } = contest;
  const flock = answer.kind === "taken" ? kernel : undefined;
  if (flock === undefined) await kernel.close();
  const weakness = await noteWeakness(paths, claim, lacksOf(answer, claim));
  await prune(scene, lock.token, timing.leaseMs);
  return { kind: "acquired", lock: heldLock({ lock, flock, weakness, tookOverFrom }) };
}

/**
 * Takes both layers of a pipeline's lock: the kernel's, which lives as long as the pipeline, and the record, which other
 * hosts see. What belongs to a run that is proved dead is taken over.
 *
 * @throws StoreError when the lock can neither be taken nor is held
 */
export async function acquire(
  paths: StatePaths,
  pipeline: LockId,
  claim: LockClaim,
  options: Partial<LockOptions> = {},
): Promise<LockAttempt> {
  try {
    return await acquireLayers(paths, pipeline, claim, { ...LOCK_OPTIONS, ...options });
  } catch (error) {
    if (error instanceof SchedError || errorCode(error) === undefined) throw error;
    throw storeFault("take the lock", lockFolder(paths, pipeline), error);
  }
}
