import { constants } from "node:fs";
import { join } from "node:path";
import type { LockId } from "../command/request.ts";
import { readdir } from "../files.ts";
import { open } from "../open-file.ts";
import { lockFolder, type StatePaths } from "../state-paths.ts";
import type { LockHolder } from "./lock.ts";
import { thisKernel } from "./machine.ts";
import { processLives } from "./process-table.ts";
import { holderOf, parseRecord } from "./record.ts";
import { parseToken, shortBoot, tokenFileName, tokenInName } from "./token.ts";

/** Nothing for whatever cannot be read: this is only a look, and `acquire` tells every fault by its name. */
const namesIn = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => []);

async function textOf(path: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY);
    return await file.readText("utf8").finally(() => file.close());
  } catch {
    return "";
  }
}

/** Whether the process that a token names runs here and now. */
function ownerLives(token: string): boolean {
  const owner = parseToken(token);
  if (owner === undefined) return false;
  const { bootId, pidNamespace } = thisKernel();
  if (owner.boot !== shortBoot(bootId) || owner.pidNamespace !== pidNamespace) return false;
  return processLives(owner.pid, owner.startTicks);
}

/** @param counts which tokens do */
async function findHolder(
  paths: StatePaths,
  pipeline: LockId,
  counts: (token: string) => boolean,
): Promise<LockHolder | undefined> {
  const folder = lockFolder(paths, pipeline);
  for (const name of await namesIn(folder)) {
    const token = tokenInName(name);
    if (token === undefined || !counts(token)) continue;
    const record = parseRecord(await textOf(join(folder, tokenFileName(token))));
    if (record !== undefined) return holderOf(record);
  }
  return undefined;
}

/**
 * The holder of a pipeline's lock, if it is a process on this host that lives. This is all that most skipped ticks do,
 * so it loads nothing, and asks the share two things only, neither of which can block the process.
 */
export const findLiveHolder = (paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined> =>
  findHolder(paths, pipeline, ownerLives);

/** Who says that he has the lock, on whatever host, alive or not. */
export const findNamedHolder = (paths: StatePaths, pipeline: LockId): Promise<LockHolder | undefined> =>
  findHolder(paths, pipeline, () => true);
