import { basename, dirname } from "node:path";
import { errorCode, SchedError, StoreError } from "../errors.ts";
import { isProcessRunning } from "../system/proc.ts";
import {
  checkOwners,
  type DeadToken,
  type ExpiredHeartbeat,
  type LockContext,
  type RemoteHolder,
  silentMs,
} from "./liveness.ts";
import type { LockHeld, LockHolder, UnrecordedEnd } from "./lock.ts";
import {
  detachToken,
  OWNER,
  parseEnd,
  readLockDirectory,
  removeIfEmpty,
  renameOnce,
  renderEnd,
  tombstoneFile,
} from "./lock-directory.ts";
import {
  holderOf,
  parseRecord,
  parseToken,
  renderToken,
  shortBoot,
  type TokenOwner,
  tokenFileName,
} from "./owner-record.ts";

/** Another run has the lock, or must be watched for its lease. */
type Decided = LockHeld | { readonly kind: "remote"; readonly remote: RemoteHolder };

/** Result of an attempt to create the lock. */
export type AcquireResult<T> =
  | { readonly kind: "ours"; readonly lock: T; readonly tookOverFrom: LockHolder | undefined }
  | Decided;

/** Tries once to create the lock; `undefined` when something exists at its path. */
export type TryToLock<T> = () => Promise<T | undefined>;

/** Time for another start to write its token into a new directory, also on a busy machine. */
const EMPTY_PAUSE_MS = 100;
const CONTENDED_PAUSE_MS = 10;

/** Waits a random time, so that waiting processes do not retry together. */
const pause = ({ clock }: LockContext, ms: number): Promise<void> => clock.pause(ms * (0.5 + Math.random()));

/**
 * Removes a dead run's token and reports the run. The moved token is deleted last: if this process ends before that, a later
 * start reports the run (`prune`).
 *
 * @returns whether this process removed the token
 */
export async function reap(scene: LockContext, { token, holder }: DeadToken): Promise<boolean> {
  const { files, directory, nonce, onDead } = scene;
  const tombstone = await detachToken(files, directory, token, nonce);
  if (tombstone === undefined) return false;
  if (holder !== undefined && onDead !== undefined) {
    // The heartbeat touches the token with its own host's clock.
    const lastHeartbeatAt = (await files.times(tombstone)).mtime;
    await onDead({ ...holder, lastHeartbeatAt: lastHeartbeatAt });
  }
  await files.removeFile(tombstone).catch(() => {});
  return true;
}

/** Removes the tokens of dead runs. @returns the run whose token this process removed */
async function removeDead(scene: LockContext, leftovers: readonly DeadToken[]): Promise<LockHolder | undefined> {
  let dead: LockHolder | undefined;
  for (const leftover of leftovers) if (await reap(scene, leftover)) dead = leftover.holder ?? dead;
  await removeIfEmpty(scene.files, scene.directory);
  return dead;
}

interface Cleared {
  readonly kind: "cleared";
  readonly dead: LockHolder | undefined;
}

const nothingDead: Cleared = { kind: "cleared", dead: undefined };

/** Examines an existing lock and removes it if its owner is dead. @returns the holder, or `cleared` if a retry may succeed */
async function resolveConflict(scene: LockContext): Promise<Decided | Cleared> {
  const found = await readLockDirectory(scene.files, scene.directory);
  if (found.kind === "tokens") {
    const finding = await checkOwners(scene, found.tokens);
    return finding.kind === "dead" ? { kind: "cleared", dead: await removeDead(scene, finding.leftovers) } : finding;
  }
  if (found.kind === "absent") {
    await pause(scene, CONTENDED_PAUSE_MS);
    return nothingDead;
  }
  await pause(scene, EMPTY_PAUSE_MS);
  const later = await readLockDirectory(scene.files, scene.directory);
  if (later.kind === "empty") await removeIfEmpty(scene.files, scene.directory);
  return nothingDead;
}

/**
 * Tries to create the lock. On conflict it removes dead owners and retries; other processes may win the retry.
 *
 * @param withinMs time limit; after it the file system counts as broken, which is an error and not "held"
 */
export async function acquireLockFile<T>(
  scene: LockContext,
  tryToLock: TryToLock<T>,
  withinMs: number,
): Promise<AcquireResult<T>> {
  const { clock } = scene;
  let left = withinMs;
  let tookOverFrom: LockHolder | undefined;
  for (;;) {
    const lock = await tryToLock();
    if (lock !== undefined) return { kind: "ours", lock, tookOverFrom };
    // The last check is always followed by a try: one check on a slow network file system may take the whole time.
    if (left < 0) {
      throw new StoreError(`cannot acquire lock ${scene.directory}, and no holder was found`, {
        hint: "Check that directory: the network file system may not support exclusive create or rename correctly, or another program writes there.",
      });
    }
    const begun = clock.sinceBootMs();
    const seen = await resolveConflict(scene);
    if (seen.kind !== "cleared") return seen;
    tookOverFrom = seen.dead ?? tookOverFrom;
    left -= clock.sinceBootMs() - begun;
  }
}

/** Result of watching a holder: no heartbeat, a heartbeat, or `gone` when its owner record was removed. */
export type WatchResult = ExpiredHeartbeat | "alive" | "gone";

/** A holder whose last heartbeat is younger than this many heartbeats counts as alive. */
const LIVE_HEARTBEATS = 3;
/** Longest gap between two checks. After a longer one the watch begins again, because the holder could have been unable to send a heartbeat. */
const GAP_BEATS = 2.5;
/** A watch ends after this many leases, so that a start does not stay for ever. */
const LONGEST_LEASES = 4;

/** Whether the last heartbeat is recent by the server's clock. One in the future only shows that this clock was set back. */
async function isFresh(scene: LockContext, { token, heartbeatMs }: RemoteHolder): Promise<boolean> {
  const silent = await silentMs(scene, token);
  return silent !== undefined && silent < LIVE_HEARTBEATS * heartbeatMs && silent > -heartbeatMs;
}

/** Watches the heartbeat for a whole lease by this host's clock, without a gap. */
async function waitForLease(scene: LockContext, { token, heartbeatMs, leaseMs }: RemoteHolder): Promise<WatchResult> {
  const { files, directory, clock, waitOptions } = scene;
  const beatOf = async () => (await files.times(`${directory}/${tokenFileName(token)}`)).ctimeMs;
  let over = false;
  const giveUp = waitOptions.giveUp?.then(() => {
    over = true;
  });
  const beatMs = await beatOf();
  const begun = clock.sinceBootMs();
  /** Start of the time without a heartbeat. */
  let since = begun;
  let seenAt = begun;
  for (;;) {
    await clock.pause(heartbeatMs, giveUp);
    const askedAt = clock.sinceBootMs();
    if (over || askedAt - begun > LONGEST_LEASES * leaseMs) return "alive";
    try {
      if ((await beatOf()) !== beatMs) return "alive";
    } catch (error) {
      // The next check may succeed; if it comes too late, the gap restarts the watch.
      if (errorCode(error) === "ENOENT" || error instanceof SchedError) throw error;
      continue;
    }
    const answeredAt = clock.sinceBootMs();
    if (answeredAt - seenAt > GAP_BEATS * heartbeatMs) since = answeredAt;
    seenAt = askedAt;
    if (askedAt - since >= leaseMs) return { token, beatMs };
  }
}

const WATCH = /\.([^/]+)\.watch$/;

/** Finds other processes of this host that watch this lock. */
function otherWatchers(scene: LockContext, names: readonly string[]): readonly TokenOwner[] {
  const { directory, here } = scene;
  const lives = scene.processes?.processLives ?? isProcessRunning;
  const before = `${directory.slice(dirname(directory).length + 1)}.`;
  return names
    .filter((name) => name.startsWith(before))
    .flatMap((name) => parseToken(WATCH.exec(name.slice(before.length - 1))?.[1] ?? "") ?? [])
    .filter(({ boot, pidNamespace }) => boot === shortBoot(here.bootId) && pidNamespace === here.pidNamespace)
    .filter(({ pid, startTicks }) => pid !== here.pid && lives(pid, startTicks));
}

/** Whether this process is the only watcher of this host. If two begin at once, the older process stays. */
async function isOnlyWatcher(scene: LockContext): Promise<boolean> {
  const { files, directory, here } = scene;
  const others = otherWatchers(scene, await files.list(dirname(directory)));
  return !others.some(
    ({ startTicks, pid }) => startTicks < here.startTicks || (startTicks === here.startTicks && pid < here.pid),
  );
}

/**
 * Watches a holder on another host until it sends a heartbeat or its lease has passed. Then it is dead: a holder that is
 * still running has stopped its pipeline by that time.
 *
 * Only one start of a pipeline watches on each host, so that waiting starts do not pile up.
 *
 * @returns at once if the holder has just sent a heartbeat
 */
export async function watchHeartbeat(scene: LockContext, remote: RemoteHolder): Promise<WatchResult> {
  const { files, directory, here, nonce, waitOptions } = scene;
  try {
    if (await isFresh(scene, remote)) return "alive";
    const mark = `${directory}.${renderToken(here, nonce)}.watch`;
    await files.create(mark, "");
    try {
      if (!(await isOnlyWatcher(scene))) return "alive";
      waitOptions.onWatch?.(remote.holder, remote.leaseMs);
      return await waitForLease(scene, remote);
    } finally {
      await files.removeFile(mark).catch(() => {});
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return "gone";
    throw error;
  }
}

/**
 * Watches a holder on another host for a process that does not want this lock. It writes no file, because a start of
 * the pipeline may watch the same holder at the same time.
 */
export async function watchFromOutside(scene: LockContext, remote: RemoteHolder): Promise<WatchResult> {
  try {
    return (await isFresh(scene, remote)) ? "alive" : await waitForLease(scene, remote);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return "gone";
    throw error;
  }
}

/** Suffix of a file beside the lock directory: a moved token and who moved it, a probe of the server's clock, or a watcher. */
const LEFTOVER = /^\.(?:(?<gone>.+)\.(?<by>[^.]+)\.gone|[0-9a-f]+\.probe|(?<watcher>.+)\.watch)$/;

interface DetachedToken {
  readonly name: string;
  /** The token of a dead run that has not been reported yet. */
  readonly untold: string | undefined;
  /** The end that its holder could not record. */
  readonly end: UnrecordedEnd | undefined;
}

/**
 * Recognises such a file. Another tap may be called `a.lock.b`, so names that could be its files do not count.
 *
 * @param before name of the lock directory
 */
function findLeftover(name: string, before: string): readonly DetachedToken[] {
  const groups = name.startsWith(before) ? LEFTOVER.exec(name.slice(before.length))?.groups : undefined;
  if (groups === undefined) return [];
  const { gone, by, watcher } = groups;
  const token = gone ?? watcher;
  if (token !== undefined && parseToken(token) === undefined) return [];
  return [{ name, untold: by === OWNER ? undefined : gone, end: parseEnd(by ?? "") }];
}

/** Parts of the lock context that pruning needs. */
type Place = Pick<LockContext, "files" | "directory" | "nonce" | "onDead">;

/**
 * Reports a dead run whose token another process moved. That process ended before it reported the run, or could not
 * record its own end.
 */
async function finishReaping(
  { files, directory, nonce, onDead }: Place,
  { name, end }: DetachedToken,
  token: string,
): Promise<void> {
  const tombstone = tombstoneFile(directory, token, end === undefined ? nonce : renderEnd(end, nonce));
  if (!(await renameOnce(files, `${dirname(directory)}/${name}`, tombstone))) return;
  const record = parseRecord(await files.read(tombstone));
  if (record !== undefined) {
    await onDead?.({ ...holderOf(record), lastHeartbeatAt: (await files.times(tombstone)).mtime, end });
  }
  await files.removeFile(tombstone);
}

/**
 * Removes files that killed starts left beside a lock, and reports their dead runs. Only the lock's holder calls it. A file
 * younger than `olderThanMs` by the file server's clock may still be in use. Never rejects: the next holder tries again.
 */
export async function prune(place: Place, token: string, olderThanMs: number): Promise<void> {
  const { files, directory } = place;
  const around = dirname(directory);
  try {
    const left = (await files.list(around)).flatMap((name) => findLeftover(name, basename(directory)));
    if (left.length === 0) return;
    // This process has just created its token, so its time is the server's current time.
    const now = (await files.times(`${directory}/${tokenFileName(token)}`)).ctimeMs;
    for (const file of left) {
      const path = `${around}/${file.name}`;
      // Nobody else uses the file of a run that has left its end.
      if (file.end === undefined && now - (await files.times(path)).ctimeMs <= olderThanMs) continue;
      if (file.untold === undefined) await files.removeFile(path);
      else await finishReaping(place, file, file.untold);
    }
  } catch {
    // The files do no harm.
  }
}
