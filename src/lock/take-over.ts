import { basename, dirname } from "node:path";
import { errorCode, SchedError, StoreError } from "../errors.ts";
import { judgeTokens, type Leftover, type Remote, type Scene, type Silence, silentMs } from "./liveness.ts";
import type { LockHeld, LockHolder } from "./lock.ts";
import { OWNER, readLockFolder, remainsFile, removeIfEmpty, renameOnce, takeOut } from "./lock-directory.ts";
import {
  holderOf,
  parseRecord,
  parseToken,
  renderToken,
  shortBoot,
  type TokenOwner,
  tokenFileName,
} from "./owner-record.ts";
import { processLives } from "./processes.ts";

/** Another run has the lock, or must be watched for its lease. */
type Decided = LockHeld | { readonly kind: "remote"; readonly remote: Remote };

/** The folder is ours, or it is not, or not yet. */
export type Settled<T> =
  | { readonly kind: "ours"; readonly lock: T; readonly tookOverFrom: LockHolder | undefined }
  | Decided;

/** Tries once to create the lock; `undefined` when something exists at its path. */
export type TryToLock<T> = () => Promise<T | undefined>;

/** Long enough for its maker to put its token into a new folder, also on a busy machine. */
const EMPTY_PAUSE_MS = 100;
const CONTENDED_PAUSE_MS = 10;

/** Waits a random time, so that waiting processes do not retry together. */
const pause = ({ clock }: Scene, ms: number): Promise<void> => clock.pause(ms * (0.5 + Math.random()));

/**
 * Takes a dead run's token away, and tells of it. What is left of the token goes last: whoever ends in between leaves it to
 * a later start, which tells of it then (`prune`).
 *
 * @returns whether we, of all who try, took it
 */
export async function bury(scene: Scene, { token, holder }: Leftover): Promise<boolean> {
  const { files, folder, nonce, onDead } = scene;
  const remains = await takeOut(files, folder, token, nonce);
  if (remains === undefined) return false;
  if (holder !== undefined && onDead !== undefined) {
    // The heartbeat touches the token with its own host's clock.
    const lastBeatAt = (await files.times(remains)).mtime;
    await onDead({ ...holder, lastBeatAt });
  }
  await files.removeFile(remains).catch(() => {});
  return true;
}

/** Makes room where a dead run left something. @returns the run whose lock we, of all contenders, took away */
async function clear(scene: Scene, leftovers: readonly Leftover[]): Promise<LockHolder | undefined> {
  let dead: LockHolder | undefined;
  for (const leftover of leftovers) if (await bury(scene, leftover)) dead = leftover.holder ?? dead;
  await removeIfEmpty(scene.files, scene.folder);
  return dead;
}

interface Cleared {
  readonly kind: "cleared";
  readonly dead: LockHolder | undefined;
}

const nothingDead: Cleared = { kind: "cleared", dead: undefined };

/** Looks at what stands in our way. @returns who may have the lock; else it is gone, or made to go: a new try is due */
async function look(scene: Scene): Promise<Decided | Cleared> {
  const found = await readLockFolder(scene.files, scene.folder);
  if (found.kind === "tokens") {
    const finding = await judgeTokens(scene, found.tokens);
    return finding.kind === "dead" ? { kind: "cleared", dead: await clear(scene, finding.leftovers) } : finding;
  }
  if (found.kind === "absent") {
    await pause(scene, CONTENDED_PAUSE_MS);
    return nothingDead;
  }
  await pause(scene, EMPTY_PAUSE_MS);
  const later = await readLockFolder(scene.files, scene.folder);
  if (later.kind === "empty") await removeIfEmpty(scene.files, scene.folder);
  return nothingDead;
}

/**
 * Tries to create the lock. On conflict it removes dead owners and retries; other processes may win the retry.
 *
 * @param withinMs time limit; after it the file system counts as broken, which is an error and not "held"
 */
export async function settle<T>(scene: Scene, tryToLock: TryToLock<T>, withinMs: number): Promise<Settled<T>> {
  const { clock } = scene;
  let left = withinMs;
  let tookOverFrom: LockHolder | undefined;
  for (;;) {
    const lock = await tryToLock();
    if (lock !== undefined) return { kind: "ours", lock, tookOverFrom };
    // Not before the last look has had its try: a slow share may take so long over a single one.
    if (left < 0) {
      throw new StoreError(`cannot acquire lock ${scene.folder}, and no holder was found`, {
        hint: "Check that directory: the network file system may not support exclusive create or rename correctly, or another program writes there.",
      });
    }
    const begun = clock.sinceBootMs();
    const seen = await look(scene);
    if (seen.kind !== "cleared") return seen;
    tookOverFrom = seen.dead ?? tookOverFrom;
    left -= clock.sinceBootMs() - begun;
  }
}

/** Result of watching a holder: no heartbeat, a heartbeat, or `gone` when its owner record was removed. */
export type Watched = Silence | "alive" | "gone";

/** A holder that gave a sign of life within so many heartbeats lives, as far as anyone can tell. */
const FRESH_BEATS = 3;
/** Between two looks no sign of life may have gone unseen for longer: the holder may have been kept from giving one. */
const GAP_BEATS = 2.5;
/** A share that makes us begin anew for so many leases proves nothing, and a start that stays for ever helps no one. */
const LONGEST_LEASES = 4;

/** Younger than three heartbeats by the server's clock. One from the future tells only that this clock was set back. */
async function isFresh(scene: Scene, { token, heartbeatMs }: Remote): Promise<boolean> {
  const silent = await silentMs(scene, token);
  return silent < FRESH_BEATS * heartbeatMs && silent > -heartbeatMs;
}

/** Sees no change for a whole lease, on our own clock and without a gap. */
async function outlast(scene: Scene, { token, heartbeatMs, leaseMs }: Remote): Promise<Watched> {
  const { files, folder, clock, patience } = scene;
  const beatOf = async () => (await files.times(`${folder}/${tokenFileName(token)}`)).ctimeMs;
  let over = false;
  const giveUp = patience.giveUp?.then(() => {
    over = true;
  });
  const beatMs = await beatOf();
  const begun = clock.sinceBootMs();
  /** From here on we know it silent. */
  let since = begun;
  let seenAt = begun;
  for (;;) {
    await clock.pause(heartbeatMs, giveUp);
    const askedAt = clock.sinceBootMs();
    if (over || askedAt - begun > LONGEST_LEASES * leaseMs) return "alive";
    try {
      if ((await beatOf()) !== beatMs) return "alive";
    } catch (error) {
      // What the share cannot tell now it may tell at the next look; if that comes too late, the gap says so.
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

/** Other processes of this host that watch this lock. */
function otherWatchers(scene: Scene, names: readonly string[]): readonly TokenOwner[] {
  const { folder, here } = scene;
  const lives = scene.processes?.processLives ?? processLives;
  const before = `${folder.slice(dirname(folder).length + 1)}.`;
  return names
    .filter((name) => name.startsWith(before))
    .flatMap((name) => parseToken(WATCH.exec(name.slice(before.length - 1))?.[1] ?? "") ?? [])
    .filter(({ boot, pidNamespace }) => boot === shortBoot(here.bootId) && pidNamespace === here.pidNamespace)
    .filter(({ pid, startTicks }) => pid !== here.pid && lives(pid, startTicks));
}

/** Whether this process is the watcher of this host. If two begin at once, the older process is. */
async function alone(scene: Scene): Promise<boolean> {
  const { files, folder, here } = scene;
  const others = otherWatchers(scene, await files.list(dirname(folder)));
  return !others.some(
    ({ startTicks, pid }) => startTicks < here.startTicks || (startTicks === here.startTicks && pid < here.pid),
  );
}

/**
 * Stays with another host's holder until it gives a sign of life, or has been silent for its lease and is thereby dead: by
 * then it has stopped its pipeline, if it still runs at all.
 *
 * Of one pipeline's starts on a host one stays, so that they do not heap up.
 *
 * @returns at once for a holder that gave a sign of life just now
 */
export async function watchRemote(scene: Scene, remote: Remote): Promise<Watched> {
  const { files, folder, here, nonce, patience } = scene;
  try {
    if (await isFresh(scene, remote)) return "alive";
    const mark = `${folder}.${renderToken(here, nonce)}.watch`;
    await files.create(mark, "");
    try {
      if (!(await alone(scene))) return "alive";
      patience.onWatch?.(remote.holder, remote.leaseMs);
      return await outlast(scene, remote);
    } finally {
      await files.removeFile(mark).catch(() => {});
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return "gone";
    throw error;
  }
}

/**
 * Behind the lock folder's name: a token that was taken away, with who took it; a file to ask for the time; a watcher.
 */
const LEFTOVER = /^\.(?:(?<gone>.+)\.(?<by>[^.]+)\.gone|[0-9a-f]+\.probe|(?<watcher>.+)\.watch)$/;

interface DetachedToken {
  readonly name: string;
  /** The token of a dead run, where whoever took it out of the folder was to tell of it. */
  readonly untold: string | undefined;
}

/**
 * Another tap may be called `a.lock.b`: only what cannot be its files is ours. @param before name of the lock folder
 */
function findLeftover(name: string, before: string): readonly DetachedToken[] {
  const groups = name.startsWith(before) ? LEFTOVER.exec(name.slice(before.length))?.groups : undefined;
  if (groups === undefined) return [];
  const { gone, by, watcher } = groups;
  const token = gone ?? watcher;
  if (token !== undefined && parseToken(token) === undefined) return [];
  return [{ name, untold: by === OWNER ? undefined : gone }];
}

/** Parts of the lock context that pruning needs. */
type Place = Pick<Scene, "files" | "folder" | "nonce" | "onDead">;

/** Tells of a dead run in the place of who took its token out of the folder, and ended before he was through. */
async function finishBurial({ files, folder, nonce, onDead }: Place, name: string, token: string): Promise<void> {
  const remains = remainsFile(folder, token, nonce);
  if (!(await renameOnce(files, `${dirname(folder)}/${name}`, remains))) return;
  const record = parseRecord(await files.read(remains));
  if (record !== undefined) {
    await onDead?.({ ...holderOf(record), lastBeatAt: (await files.times(remains)).mtime });
  }
  await files.removeFile(remains);
}

/**
 * Finishes, and removes, what starts that were killed have left beside a lock, to be called by who holds it. What is
 * younger than `olderThanMs`, by the file server's clock, may still be in use. Never rejects: what stays is for the next one.
 */
export async function prune(place: Place, token: string, olderThanMs: number): Promise<void> {
  const { files, folder } = place;
  const around = dirname(folder);
  try {
    const left = (await files.list(around)).flatMap((name) => findLeftover(name, basename(folder)));
    if (left.length === 0) return;
    // Our token was made just now.
    const now = (await files.times(`${folder}/${tokenFileName(token)}`)).ctimeMs;
    for (const { name, untold } of left) {
      const { ctimeMs } = await files.times(`${around}/${name}`);
      if (now - ctimeMs <= olderThanMs) continue;
      if (untold === undefined) await files.removeFile(`${around}/${name}`);
      else await finishBurial(place, name, untold);
    }
  } catch {
    // The files do no harm.
  }
}
