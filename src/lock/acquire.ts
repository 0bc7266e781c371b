import { dirname } from "node:path";
import { errorCode, SchedError } from "../errors.ts";
import type { LockId } from "../pipeline-id.ts";
import { ensureDirectory } from "../storage/directory.ts";
import { nonce } from "../storage/nonce.ts";
import { flockFile, lockDirectory, type StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { detectLimitations, saveLimitations } from "./degraded.ts";
import { type FlockAnswer, type FlockFile, openFlock, takeFlock } from "./flock.ts";
import { checkOwners, type ExpiredHeartbeat, heldBy, type LockContext, type RemoteHolder } from "./liveness.ts";
import type { HeldLock, LockAttempt, LockClaim, LockHeld, LockHolder, WaitOptions } from "./lock.ts";
import { diskLockFs, type LockFs, readLockDirectory } from "./lock-directory.ts";
import type { LockFile } from "./lock-file.ts";
import { type LockRecord, recordOf, renderRecord, renderToken } from "./owner-record.ts";
import { type LockClock, realClock } from "./processes.ts";
import { acquireLockFile, prune, watchHeartbeat } from "./take-over.ts";
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
interface OwnContext extends LockContext {
  readonly here: LockRecord;
}

/** The steps by which one start acquires both layers of a lock. A test can replace them. */
export interface LockSteps<K extends KernelLock, L> {
  openKernelLock(): Promise<K>;
  /** Work to do while flock(1) runs. */
  meanwhile(): Promise<void>;
  contextWith(kernel: K, answer: FlockAnswer): OwnContext;
  /** Tries once to create the lock; `undefined` when something exists at its path. */
  tryLockFile(scene: OwnContext): Promise<L | undefined>;
  /** See `acquireLockFile`. */
  readonly settleMs: number;
}

/** This start has acquired both layers. */
export interface AcquiredLayers<K, L> {
  readonly kind: "won";
  /** The open flock file. This start holds the kernel lock if `answer` is "taken". */
  readonly kernel: K;
  readonly answer: FlockAnswer;
  readonly lock: L;
  readonly scene: LockContext;
  readonly tookOverFrom: LockHolder | undefined;
}

/**
 * Finds the holder after flock reported the lock as held. `dead`: the records belong to a finished run, so flock is
 * probably held by another start. If that start is on another host it cannot prove the run dead and will let go.
 */
async function describeHolder(scene: LockContext): Promise<LockHeld | "dead"> {
  const found = await readLockDirectory(scene.files, scene.directory);
  const finding = found.kind === "tokens" ? await checkOwners(scene, found.tokens) : undefined;
  if (finding?.kind === "held") return finding;
  if (finding?.kind === "remote") return heldBy(finding.remote);
  return finding !== undefined && finding.leftovers.length > 0 ? "dead" : UNKNOWN;
}

/** The holder on another host can only be proved dead by a watch of a whole lease. */
interface Undecided {
  readonly kind: "undecided";
  readonly scene: LockContext;
  readonly remote: RemoteHolder;
}

/** Tries to acquire both layers, one after the other. The kernel lock is released unless both are acquired. */
async function tryOnce<K extends KernelLock, L>(
  contest: LockSteps<K, L>,
  outlasted: ExpiredHeartbeat | undefined,
): Promise<AcquiredLayers<K, L> | LockHeld | Undecided> {
  const kernel = await contest.openKernelLock();
  const sceneAfter = (answer: FlockAnswer): OwnContext => ({
    ...contest.contextWith(kernel, answer),
    expired: outlasted,
  });
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
    const settled = await acquireLockFile(scene, () => contest.tryLockFile(scene), contest.settleMs);
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
 * Tries to acquire both layers until this start has them or another run does.
 *
 * A start that watches a silent holder on another host has neither layer meanwhile. On a network file system all hosts
 * share the kernel lock, and a start on the holder's own host can prove at once what takes this one a lease. After the
 * watch, everything is checked again.
 */
export async function acquireBoth<K extends KernelLock, L>(
  contest: LockSteps<K, L>,
): Promise<AcquiredLayers<K, L> | LockHeld> {
  let outlasted: ExpiredHeartbeat | undefined;
  for (;;) {
    const tried = await tryOnce(contest, outlasted);
    if (tried.kind !== "undecided") return tried;
    const watched = await watchHeartbeat(tried.scene, tried.remote);
    if (watched === "alive") return heldBy(tried.remote);
    outlasted = watched === "gone" ? undefined : watched;
  }
}

/**
 * For the waiter lock. It protects no pipeline, so a loss does no harm, and hundreds of starts that wait must need
 * almost no processor time.
 */
const WAITER_TIMING: LockTiming = {
  ...LOCK_TIMING,
  heartbeatMs: 60_000,
  selfFenceMs: 360_000,
  leaseMs: 600_000,
  watchdogMs: 60_000,
};

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
  readonly waitOptions?: WaitOptions | undefined;
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
  readonly lock: LockFile;
  /** Open while this process has the kernel lock. */
  readonly flock: FlockFile | undefined;
  readonly limitation: string | undefined;
  readonly tookOverFrom: LockHolder | undefined;
}

function heldLock({ lock, flock, limitation, tookOverFrom }: HeldParts): HeldLock {
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
    limitation: limitation,
    tookOverFrom,
    lost: lock.lost,
    rest: lock.rest,
    keepEnd: lock.keepEnd,
    release: () => (released ??= release()),
  };
}

async function acquireLayers(
  paths: StatePaths,
  pipeline: LockId,
  claim: LockClaim,
  options: LockOptions,
): Promise<LockAttempt> {
  const { files, clock, waitOptions = {} } = options;
  const timing = pipeline.isWaiter === true ? WAITER_TIMING : options.timing;
  const directory = lockDirectory(paths, pipeline);
  await ensureDirectory(paths, dirname(directory), claim.uid);
  const contest = await acquireBoth({
    settleMs: options.settleMs,
    async openKernelLock() {
      const flock = await openFlock(flockFile(paths, pipeline));
      const how = { program: options.flockProgram, timeoutMs: options.flockTimeoutMs };
      return { ...flock, take: () => takeFlock(flock.fd, how) };
    },
    // flock(1) is another process, so there is time to load the library.
    meanwhile: async () => void (await import("./lock-file.ts")),
    contextWith: (flock, answer) => ({
      ...{ files, clock, waitOptions, directory },
      flockFile: flockFile(paths, pipeline),
      here: recordOf(claim, answer.kind === "taken" ? flock.id : null, timing),
      nonce: nonce(),
      onDead: claim.onDead,
    }),
    async tryLockFile({ here }) {
      const { tryLockFile: tryRecordLock } = await import("./lock-file.ts");
      const ours = { newToken: () => renderToken(here, nonce()), record: renderRecord(here) };
      const { sinceBootMs } = clock;
      return tryRecordLock({ ...ours, files, directory, makeWithinMs: timing.leaseMs / 4, sinceBootMs }, timing);
    },
  });
  if (contest.kind === "held") return contest;
  const { lock, kernel, answer, scene, tookOverFrom } = contest;
  const flock = answer.kind === "taken" ? kernel : undefined;
  if (flock === undefined) await kernel.close();
  const limitation = await saveLimitations(paths, claim, detectLimitations(answer, claim));
  await prune(scene, lock.token, timing.leaseMs);
  return { kind: "acquired", lock: heldLock({ lock, flock, limitation, tookOverFrom }) };
}

/**
 * Acquires both layers of a pipeline's lock: the kernel lock, which ends with the last process of the pipeline, and the
 * lock file, which other hosts see. Takes over the lock of a run that is proved dead.
 *
 * @throws StoreError if the lock can neither be acquired nor is held by another run
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
    throw ioError("take the lock", lockDirectory(paths, pipeline), error);
  }
}
