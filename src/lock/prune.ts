import { basename, dirname } from "node:path";
import type { Scene } from "./contenders.ts";
import { OWNER, remainsFile, renameOnce } from "./lock-folder.ts";
import { holderOf, parseRecord } from "./record.ts";
import { parseToken, tokenFileName } from "./token.ts";

/** Behind the lock folder's name: a token that was taken away, with who took it; a file to ask for the time; a watcher. */
const LEFTOVER = /^\.(?:(?<gone>.+)\.(?<by>[^.]+)\.gone|[0-9a-f]+\.probe|(?<watcher>.+)\.watch)$/;

interface Leftover {
  readonly name: string;
  /** The token of a dead run, where whoever took it out of the folder was to tell of it. */
  readonly untold: string | undefined;
}

/** Another tap may be called `a.lock.b`: only what cannot be its files is ours. @param before name of the lock folder */
function findLeftover(name: string, before: string): readonly Leftover[] {
  const groups = name.startsWith(before) ? LEFTOVER.exec(name.slice(before.length))?.groups : undefined;
  if (groups === undefined) return [];
  const { gone, by, watcher } = groups;
  const token = gone ?? watcher;
  if (token !== undefined && parseToken(token) === undefined) return [];
  return [{ name, untold: by === OWNER ? undefined : gone }];
}

/** Where, by whom, and who hears of a dead run. */
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
    // They are in nobody's way.
  }
}
