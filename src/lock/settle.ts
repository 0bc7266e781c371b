import { errorCode, StoreError } from "../errors.ts";
import { judgeTokens, type Leftover, type Scene } from "./contenders.ts";
import type { LockHeld, LockHolder } from "./lock.ts";
import { readLockFolder, removeIfEmpty, takeAway } from "./lock-folder.ts";
import { sinceBootMs } from "./machine.ts";
import { tokenFileName } from "./token.ts";

/** The folder is ours, or another run has it. */
export type Settled<T> =
  | { readonly kind: "ours"; readonly lock: T; readonly tookOverFrom: LockHolder | undefined }
  | LockHeld;

/** One try to make the folder: `undefined` when something stands there. */
export type TryToLock<T> = () => Promise<T | undefined>;

/** Long enough for its maker to put its token into a new folder, also on a busy machine. */
const EMPTY_PAUSE_MS = 100;
const CONTENDED_PAUSE_MS = 10;

/** Not at the same time as the others who wait for the same. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms * (0.5 + Math.random())));

/** The heartbeat touches the token with its own host's clock. */
async function lastBeat({ files, folder }: Scene, token: string): Promise<Date | undefined> {
  try {
    return (await files.times(`${folder}/${tokenFileName(token)}`)).mtime;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes room where a dead run left something. @returns the run whose lock we, of all contenders, took away */
export async function clear(scene: Scene, leftovers: readonly Leftover[]): Promise<LockHolder | undefined> {
  const { files, folder, nonce, onDead } = scene;
  let dead: LockHolder | undefined;
  for (const { token, holder } of leftovers) {
    const lastBeatAt = await lastBeat(scene, token);
    if (!(await takeAway(files, folder, token, nonce)) || holder === undefined) continue;
    dead = holder;
    await onDead?.({ ...holder, lastBeatAt: lastBeatAt ?? holder.startedAt });
  }
  await removeIfEmpty(files, folder);
  return dead;
}

/** Looks at what stands in our way. @returns who has the lock; else it is gone, or made to go, and a new try is due */
async function look(scene: Scene): Promise<LockHeld | { kind: "cleared"; dead: LockHolder | undefined }> {
  const found = await readLockFolder(scene.files, scene.folder);
  if (found.kind === "tokens") {
    const finding = await judgeTokens(scene, found.tokens);
    return finding.kind === "held" ? finding : { kind: "cleared", dead: await clear(scene, finding.leftovers) };
  }
  if (found.kind === "absent") {
    await pause(CONTENDED_PAUSE_MS);
    return { kind: "cleared", dead: undefined };
  }
  await pause(EMPTY_PAUSE_MS);
  const later = await readLockFolder(scene.files, scene.folder);
  if (later.kind === "empty") await removeIfEmpty(scene.files, scene.folder);
  return { kind: "cleared", dead: undefined };
}

/**
 * Tries, looks at who is in the way, makes the dead go, and tries again: then anyone may win.
 *
 * @param withinMs after so long without a result something is wrong with the share: an error, not "held"
 */
export async function settle<T>(scene: Scene, tryToLock: TryToLock<T>, withinMs: number): Promise<Settled<T>> {
  const begun = sinceBootMs();
  let tookOverFrom: LockHolder | undefined;
  for (;;) {
    const lock = await tryToLock();
    if (lock !== undefined) return { kind: "ours", lock, tookOverFrom };
    const seen = await look(scene);
    if (seen.kind === "held") return seen;
    tookOverFrom = seen.dead ?? tookOverFrom;
    if (sinceBootMs() - begun > withinMs) {
      throw new StoreError(`${scene.folder} can neither be taken nor be seen as held by anyone`, {
        hint: "The share may not keep its promises, or something else writes there. Look into that folder.",
      });
    }
  }
}
