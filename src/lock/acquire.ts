import { dirname } from "node:path";
import type { PipelineId } from "../command/request.ts";
import { errorCode, SchedError } from "../errors.ts";
import { ensureFolder } from "../state-folder.ts";
import { flockFile, lockFolder, type StatePaths } from "../state-paths.ts";
import { storeFault } from "../store-fault.ts";
import { heldBy, judgeTokens, type Scene } from "./contenders.ts";
import { type FlockFile, openFlock, takeFlock } from "./flock.ts";
import type { HeldLock, LockAttempt, LockClaim, LockHeld, LockHolder } from "./lock.ts";
import { readLockFolder } from "./lock-folder.ts";
import { LOCK_OPTIONS, type LockOptions } from "./options.ts";
import { nonce, recordOf } from "./own-record.ts";
import { prune } from "./prune.ts";
import { type LockRecord, renderRecord } from "./record.ts";
import type { RecordLock } from "./record-lock.ts";
import { settle } from "./settle.ts";
import { renderToken } from "./token.ts";
import { lacksOf, noteWeakness } from "./weakness.ts";

/** For so long another start may have the kernel's lock that finds, as we do, what a dead run left. */
const CONTENDER_MS = 5_000;
const CONTENDED_PAUSE_MS = 100;

/** Its record is about to be written, or to be taken away. */
const UNKNOWN: LockHeld = { kind: "held", holder: undefined, state: { kind: "alive" } };

/**
 * The kernel says that the pipeline runs; the records tell who it is, if they can. `dead`: the run that they tell of is
 * none, so who has the kernel's lock is most likely another start. On another host that one may well leave again, as it
 * cannot tell what we can.
 */
async function describeHolder(scene: Scene): Promise<LockHeld | "dead"> {
  const found = await readLockFolder(scene.files, scene.folder);
  const finding = found.kind === "tokens" ? await judgeTokens(scene, found.tokens) : undefined;
  if (finding?.kind === "held") return finding;
  if (finding?.kind === "remote") return heldBy(finding.remote);
  return finding !== undefined && finding.leftovers.length > 0 ? "dead" : UNKNOWN;
}

interface HeldParts {
  readonly lock: RecordLock;
  /** Open as long as we have the kernel's lock. */
  readonly flock: FlockFile | undefined;
  readonly weakness: string | undefined;
  readonly tookOverFrom: LockHolder | undefined;
  /** What is tidied up meanwhile. */
  readonly tidied: Promise<void>;
}

function heldLock({ lock, flock, weakness, tookOverFrom, tidied }: HeldParts): HeldLock {
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    await tidied;
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
  pipeline: PipelineId,
  claim: LockClaim,
  options: LockOptions,
): Promise<LockAttempt> {
  const { files, timing, clock, patience = {} } = options;
  await ensureFolder(paths, dirname(lockFolder(paths, pipeline)), claim.uid);
  const flock = await openFlock(flockFile(paths, pipeline));
  let keepFlock = false;
  try {
    const ask = () => takeFlock(flock.fd, { program: options.flockProgram, timeoutMs: options.flockTimeoutMs });
    const asked = ask();
    // flock(1) is a process of its own: the library is loaded meanwhile.
    const { tryRecordLock } = await import("./record-lock.ts");
    let answer = await asked;
    const sceneWith = (record: LockRecord): Scene => ({
      files,
      clock,
      patience,
      folder: lockFolder(paths, pipeline),
      flockFile: flockFile(paths, pipeline),
      here: record,
      nonce: nonce(),
      onDead: claim.onDead,
    });
    for (const begun = clock.sinceBootMs(); answer.kind === "held"; answer = await ask()) {
      const seen = await describeHolder(sceneWith(recordOf(claim, null, timing, lacksOf(answer, claim))));
      if (seen !== "dead") return seen;
      if (clock.sinceBootMs() - begun > CONTENDER_MS) return UNKNOWN;
      await clock.pause(CONTENDED_PAUSE_MS);
    }
    const lacks = lacksOf(answer, claim);
    const record = recordOf(claim, answer.kind === "taken" ? flock.id : null, timing, lacks);
    const scene = sceneWith(record);
    const attempt = {
      files,
      folder: scene.folder,
      newToken: () => renderToken(record, nonce()),
      record: renderRecord(record),
      makeWithinMs: timing.leaseMs / 4,
      sinceBootMs: clock.sinceBootMs,
    };
    const settled = await settle(scene, () => tryRecordLock(attempt, timing), options.settleMs);
    if (settled.kind === "held") return settled;
    keepFlock = answer.kind === "taken";
    const { lock, tookOverFrom } = settled;
    const weakness = await noteWeakness(paths, claim, lacks);
    const tidied = prune(scene, lock.token, timing.leaseMs);
    const held = heldLock({ lock, flock: keepFlock ? flock : undefined, weakness, tookOverFrom, tidied });
    return { kind: "acquired", lock: held };
  } finally {
    if (!keepFlock) await flock.close();
  }
}

/**
 * Takes both layers of a pipeline's lock: the kernel's, which lives as long as the pipeline, and the record, which other
 * hosts see. What belongs to a run that is proved dead is taken over.
 *
 * @throws StoreError when the lock can neither be taken nor is held
 */
export async function acquire(
  paths: StatePaths,
  pipeline: PipelineId,
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
