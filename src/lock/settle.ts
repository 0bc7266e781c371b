import { StoreError } from "../errors.ts";
import { judgeTokens, type Leftover, type Remote, type Scene } from "./contenders.ts";
import type { LockHeld, LockHolder } from "./lock.ts";
import { readLockFolder, removeIfEmpty, takeOut } from "./lock-folder.ts";

/** Someone has the lock, or only time can tell. */
type Decided = LockHeld | { readonly kind: "remote"; readonly remote: Remote };

/** The folder is ours, or it is not, or not yet. */
export type Settled<T> =
  | { readonly kind: "ours"; readonly lock: T; readonly tookOverFrom: LockHolder | undefined }
  | Decided;

/** One try to make the folder: `undefined` when something stands there. */
export type TryToLock<T> = () => Promise<T | undefined>;

/** Long enough for its maker to put its token into a new folder, also on a busy machine. */
const EMPTY_PAUSE_MS = 100;
const CONTENDED_PAUSE_MS = 10;

/** Not at the same time as the others who wait for the same. */
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
 * Tries, looks at who is in the way, makes the dead go, and tries again: then anyone may win.
 *
 * @param withinMs after so long without a result something is wrong with the share: an error, not "held"
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
      throw new StoreError(`${scene.folder} can neither be taken nor be seen as held by anyone`, {
        hint: "The share may not keep its promises, or something else writes there. Look into that folder.",
      });
    }
    const begun = clock.sinceBootMs();
    const seen = await look(scene);
    if (seen.kind !== "cleared") return seen;
    tookOverFrom = seen.dead ?? tookOverFrom;
    left -= clock.sinceBootMs() - begun;
  }
}
