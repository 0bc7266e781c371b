import { constants } from "node:fs";
import { dirname } from "node:path";
import { type EntryId, entryKey } from "../command/request.ts";
import { errorCode } from "../errors.ts";
import { lstat } from "../files.ts";
import type { Host } from "../host.ts";
import { open } from "../open-file.ts";
import { ensureFolder } from "../state-folder.ts";
import { type StatePaths, undueFile } from "../state-paths.ts";
import { storeFault } from "../store-fault.ts";

const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const MARK = Buffer.from(".");

/**
 * Counts a start that was not due. A byte in a file is all that it leaves: candidate lines start dozens a day, and
 * nobody wants to read of them.
 */
export async function countUndue(paths: StatePaths, entry: EntryId, host: Pick<Host, "uid" | "name">): Promise<void> {
  const path = undueFile(paths, entry, entryKey(entry), host.name);
  await ensureFolder(paths, dirname(path), host.uid);
  try {
    const file = await open(path, FLAGS, 0o600);
    await file.write(MARK).finally(() => file.close());
  } catch (error) {
    throw storeFault("write", path, error);
  }
}

/** How many starts of an entry on this host were not due. */
export async function readUndue(paths: StatePaths, entry: EntryId, host: Pick<Host, "name">): Promise<number> {
  const path = undueFile(paths, entry, entryKey(entry), host.name);
  try {
    return (await lstat(path)).size;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return 0;
    throw storeFault("look at", path, error);
  }
}
