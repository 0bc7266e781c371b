import type { LockHolder } from "../lock/lock.ts";
import { pipelineLocks } from "../lock/pipeline-locks.ts";
import type { LockId } from "../pipeline-id.ts";
import { lockDirectory } from "../storage/paths.ts";
import { type ExpiryContext, namesIn } from "./expired.ts";

/**
 * The runs that hold some of these locks, on any host, alive or not.
 *
 * @returns `undefined` if a holder does not say which run it is
 */
export async function readHolders(
  context: ExpiryContext,
  locks: readonly LockId[],
): Promise<readonly LockHolder[] | undefined> {
  const { paths } = context;
  const holders: LockHolder[] = [];
  for (const lock of locks) {
    if ((await namesIn(context, lockDirectory(paths, lock))).length === 0) continue;
    const holder = await pipelineLocks().readHolder(paths, lock);
    if (holder === undefined) return undefined;
    holders.push(holder);
  }
  return holders;
}
