import { errorCode } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { diskLockFs } from "../../lock/lock-directory.ts";
import { parseToken, shortBoot, type TokenOwner, tokenFileName } from "../../lock/owner-record.ts";
import { readKernel, uptimeMs } from "../../lock/processes.ts";
import { type LockId, lockName, lockNamed } from "../../pipeline-id.ts";
import { lockDirectory, locksDir, type StatePaths } from "../../storage/paths.ts";
import { isProcessRunning } from "../../system/proc.ts";
import { openPipelineStore } from "../pipeline-store.ts";
import { recordLost } from "../records/lost-runs.ts";
import type { PlaceClaim } from "./claim.ts";

/** The owners of places and tickets: wrappers, named by the tokens of their locks. */
export interface Owners {
  /** The process of a token, if it is one of this host that is running. */
  findLocal(token: string): TokenOwner | undefined;
  /** Whether a token names a process of this host, running or not. */
  isLocal(token: string): boolean;
  /**
   * Whether the owner still has its lock: its place is taken as long as that. A lock whose holder is proved dead is
   * removed, as the next start of its pipeline would do.
   */
  holdsLock(token: string, claim: PlaceClaim | undefined): Promise<boolean>;
}

/** Time between two examinations of one lock. */
const EXAMINE_MS = 2_000;
/** The same for a holder on another host, whose heartbeat is read for that. */
const EXAMINE_REMOTE_MS = 30_000;

const namesIn = async (directory: string): Promise<readonly string[] | undefined> => {
  try {
    return await diskLockFs.list(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
};

/**
 * Whether a lock still contains a token. Lists the directories from the top down: an NFS client asks the server for a
 * list, but it may remember for a minute that a name did not exist.
 */
export async function lockContains(paths: StatePaths, lock: LockId, token: string): Promise<boolean> {
  const directory = `${locksDir(paths)}/${lock.target}`;
  if ((await namesIn(locksDir(paths)))?.includes(lock.target) !== true) return false;
  const name = `${lockName(lock)}.lock`;
  if ((await namesIn(directory))?.includes(name) !== true) return false;
  const names = await namesIn(lockDirectory(paths, lock));
  // The list above may be older than the directory.
  if (names === undefined) return (await namesIn(directory))?.includes(name) === true;
  return names.includes(tokenFileName(token));
}

/** @param giveUp ends the watch of a silent holder on another host */
export function openOwners(paths: StatePaths, host: Host, giveUp: Promise<unknown>): Owners {
  const { bootId, pidNamespace } = readKernel();
  const examinedAt = new Map<string, number>();
  const watched = new Set<string>();

  const ownerHere = (token: string): TokenOwner | undefined => {
    const owner = parseToken(token);
    return owner?.boot === shortBoot(bootId) && owner.pidNamespace === pidNamespace ? owner : undefined;
  };

  function findLocal(token: string): TokenOwner | undefined {
    const owner = ownerHere(token);
    return owner !== undefined && isProcessRunning(owner.pid, owner.startTicks) ? owner : undefined;
  }

  /** Removes the lock of a holder that is proved dead, and watches one that is silent on another host. */
  async function examine(token: string, lock: LockId): Promise<void> {
    const store = openPipelineStore(lock, { paths, host });
    const view = await store.lock.inspect();
    const found = view.tokens.find((one) => one.token === token);
    const onDead = async (dead: Parameters<typeof recordLost>[1]) => {
      await recordLost(store, dead, `found by a start that waited for a place, on host ${host.name}`);
    };
    if (found?.state.kind === "dead") await view.reap(found, onDead);
    if (found?.state.kind !== "unproved" || watched.has(token)) return;
    watched.add(token);
    // The watch takes a whole lease. The next look does not wait for it.
    void view
      .outlast(found, { onDead, giveUp })
      .catch(() => {})
      .finally(() => watched.delete(token));
  }

  return {
    findLocal,
    isLocal: (token) => ownerHere(token) !== undefined,
    async holdsLock(token, claim) {
      if (findLocal(token) !== undefined) return true;
      const isLocal = ownerHere(token) !== undefined;
      // The owner died before it had written the whole claim.
      if (claim === undefined) return !isLocal;
      const lock = lockNamed(claim.lock, claim.target);
      if (!(await lockContains(paths, lock, token))) return false;
      const now = uptimeMs();
      const due = (examinedAt.get(token) ?? Number.NEGATIVE_INFINITY) + (isLocal ? EXAMINE_MS : EXAMINE_REMOTE_MS);
      if (now < due) return true;
      examinedAt.set(token, now);
      await examine(token, lock);
      return lockContains(paths, lock, token);
    },
  };
}
