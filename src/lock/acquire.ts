import { dirname } from "node:path";
import { errorCode, SchedError } from "../errors.ts";
import type { LockId } from "../pipeline-id.ts";
import { ensureFolder } from "../storage/directory.ts";
import { nonce } from "../storage/nonce.ts";
import { flockFile, lockFolder, type StatePaths } from "../storage/paths.ts";
import { storeFault } from "../storage/store-error.ts";
import { lacksOf, noteWeakness } from "./degraded.ts";
import { type FlockAnswer, type FlockFile, openFlock, takeFlock } from "./flock.ts";
import { heldBy, judgeTokens, type Remote, type Scene, type Silence } from "./liveness.ts";
import type { HeldLock, LockAttempt, LockClaim, LockHeld, LockHolder, Patience } from "./lock.ts";
import { diskLockFs, type LockFs, readLockFolder } from "./lock-directory.ts";
import type { RecordLock } from "./lock-file.ts";
import { type LockRecord, recordOf, renderRecord, renderToken } from "./owner-record.ts";
import { type LockClock, realClock } from "./processes.ts";
import { prune, settle, watchRemote } from "./take-over.ts";
import { LOCK_TIMING, type LockTiming } from "./timing.ts";

/** How long another start may hold the kernel lock while it, like this one, examines a dead run's record. */
const CONTENDER_MS = 5_000;
const CONTENDED_PAUSE_MS = 100;

/** The holder is about to write or to remove its owner record. */
const UNKNOWN: LockHeld = { kind: "held", holder: undefined, state: { kind: "alive" } };

/** A pipeline's flock file, open. */
export interface KernelLock {
  /** Asks the kernel for the lock. */
  take(): Promise<FlockAnswer>;
  /** Closes the file, which releases the lock unless a pipeline has inherited it. */
  close(): Promise<void>;
}

/** Lock context of a start, with its own owner record. */
interface OwnScene extends Scene {
  readonly here: LockRecord;
}

/** One start's way to both layers of a lock. */
export interface Contest<K extends KernelLock, L> {
  openKernelLock(): Promise<K>;
  /** Work to do while flock(1) runs. */
  meanwhile(): Promise<void>;
  sceneWith(kernel: K, answer: FlockAnswer): OwnScene;
  /** Tries once to create the lock; `undefined` when something exists at its path. */
  tryRecord(scene: OwnScene): Promise<L | undefined>;
  /** See `settle`. */
  readonly settleMs: number;
}

/** This start has acquired both layers. */
export interface Won<K, L> {
  readonly kind: "won";
  /** Open; ours as far as `answer` says. */
  readonly kernel: K;
  readonly answer: FlockAnswer;
  readonly lock: L;
  readonly scene: Scene;
  readonly tookOverFrom: LockHolder | undefined;
}

/**
 * Finds the holder after flock reported the lock as held. `dead`: the records belong to a finished run, so flock is
 * probably held by another start. If that start is on another host it cannot prove the run dead and will let go.
 */
async function describeHolder(scene: Scene): Promise<LockHeld | "dead"> {
  const found = await readLockFolder(scene.files, scene.folder);
  const finding = found.kind === "tokens" ? await judgeTokens(scene, found.tokens) : undefined;
  if (finding?.kind === "held") return finding;
  if (finding?.kind === "remote") return heldBy(finding.remote);
  return finding !== undefined && finding.leftovers.length > 0 ? "dead" : UNKNOWN;
}

/** Only watching the holder for its lease can prove it dead. */
interface Undecided {
  readonly kind: "undecided";
  readonly scene: Scene;
  readonly remote: Remote;
}

/** Tries to acquire both layers, one after the other. The kernel lock is released unless both are acquired. */
async function tryOnce<K extends KernelLock, L>(
  contest: Contest<K, L>,
  outlasted: Silence | undefined,
): Promise<Won<K, L> | LockHeld | Undecided> {
  const kernel = await contest.openKernelLock();
  const sceneAfter = (answer: FlockAnswer): OwnScene => ({ ...contest.sceneWith(kernel, answer), outlasted });
  let keep = false;
  try {
    const asked = kernel.take();
    await contest.meanwhile();
    let begun: number | undefined;
    let answer = await asked;
    for (; answer.kind === "held"; answer = await kernel.take()) {
      const scene = sceneAfter(answer);
      const seen = await describeHolder(scene);
      if (seen !== "dead") return seen;
      begun ??= scene.clock.sinceBootMs();
      if (scene.clock.sinceBootMs() - begun > CONTENDER_MS) return UNKNOWN;
      await scene.clock.pause(CONTENDED_PAUSE_MS);
    }
    const scene = sceneAfter(answer);
    const settled = await settle(scene, () => contest.tryRecord(scene), contest.settleMs);
    if (settled.kind === "held") return settled;
    if (settled.kind === "remote") return { kind: "undecided", scene, remote: settled.remote };
    keep = true;
    const { lock, tookOverFrom } = settled;
    return { kind: "won", kernel, answer, lock, scene, tookOverFrom };
  } finally {
    if (!keep) await kernel.close();
  }
}

/**
 * Tries for both layers until they are ours or someone else's.
 *
 * While another host's silent holder is watched, neither is ours: on a share the kernel's lock is one for all hosts, and
 * the dead holder's own may be able to tell at once what takes us a lease. What was seen before is then looked at anew.
 */
export async function contend<K extends KernelLock, L>(contest: Contest<K, L>): Promise<Won<K, L> | LockHeld> {
  let outlasted: Silence | undefined;
  for (;;) {
    const tried = await tryOnce(contest, outlasted);
    if (tried.kind !== "undecided") return tried;
    const watched = await watchRemote(tried.scene, tried.remote);
    if (watched === "alive") return heldBy(tried.remote);
    outlasted = watched === "gone" ? undefined : watched;
  }
}

/** Options that tests change. A run uses `LOCK_OPTIONS`. */
export interface LockOptions {
  readonly timing: LockTiming;
  /** util-linux's or busybox's flock, by name or path. */
  readonly flockProgram: string;
  readonly flockTimeoutMs: number;
  /** Maximum time for conflicts before the network file system counts as broken. */
  readonly settleMs: number;
  readonly files: LockFs;
  readonly clock: LockClock;
  readonly patience?: Patience | undefined;
}

export const LOCK_OPTIONS: LockOptions = {
  timing: LOCK_TIMING,
  flockProgram: "flock",
  flockTimeoutMs: 5_000,
  settleMs: 20_000,
  files: diskLockFs,
  clock: realClock,
};

interface HeldParts {
  readonly lock: RecordLock;
  /** Open while this process has the kernel lock. */
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
      // Last, so that the next holder of the kernel lock does not find this owner record.
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
    meanwhile: async () => void (await import("./lock-file.ts")),
    sceneWith: (flock, answer) => ({
      ...{ files, clock, patience, folder },
      flockFile: flockFile(paths, pipeline),
      here: recordOf(claim, answer.kind === "taken" ? flock.id : null, timing, lacksOf(answer, claim)),
      nonce: nonce(),
      onDead: claim.onDead,
    }),
    async tryRecord({ here }) {
      const { tryRecordLock } = await import("./lock-file.ts");
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
