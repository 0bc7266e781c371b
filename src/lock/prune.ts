import { basename, dirname } from "node:path";
import type { LockFs } from "./lock-fs.ts";
import { parseToken, tokenFileName } from "./token.ts";

/** Behind the lock folder's name: a token that was taken away, with who took it; a file to ask for the time; a watcher. */
const LEFTOVER = /^\.(?:(?<gone>.+)\.[^.]+\.gone|[0-9a-f]+\.probe|(?<watcher>.+)\.watch)$/;

/** Another tap may be called `a.lock.b`: only what cannot be its files is ours. */
function isLeftover(rest: string): boolean {
  const groups = LEFTOVER.exec(rest)?.groups;
  if (groups === undefined) return false;
  const token = groups["gone"] ?? groups["watcher"];
  return token === undefined || parseToken(token) !== undefined;
}

/**
 * Removes what starts that were killed have left beside a lock, to be called by who holds it. What is younger than
 * `olderThanMs`, by the file server's clock, may still be in use. Never rejects: what stays is removed by the next one.
 */
export async function prune(
  { files, folder }: { readonly files: LockFs; readonly folder: string },
  token: string,
  olderThanMs: number,
): Promise<void> {
  try {
    const around = dirname(folder);
    const before = basename(folder);
    const names = await files.list(around);
    const left = names.filter((name) => name.startsWith(before) && isLeftover(name.slice(before.length)));
    if (left.length === 0) return;
    // Our token was made just now.
    const now = (await files.times(`${folder}/${tokenFileName(token)}`)).ctimeMs;
    for (const name of left) {
      const { ctimeMs } = await files.times(`${around}/${name}`);
      if (now - ctimeMs > olderThanMs) await files.removeFile(`${around}/${name}`);
    }
  } catch {
    // They are in nobody's way.
  }
}
