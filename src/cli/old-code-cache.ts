import { lstat, readdir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "../host.ts";

/** File names of the compiled code that versions before 0.2 kept, such as `run.cjs-0123456789abcdef-v20.20.2-x64`. */
const CODE_FILE = /^(run|main)[\w-]*\.cjs-[0-9a-f]{16}-v[\d.]+-\w+$/;

/**
 * Deletes the compiled code that earlier versions kept in /var/tmp for this user: only files with such names, in a
 * directory that this user owns. Never rejects, because it only frees disk space.
 */
export async function removeOldCodeCache({ root, uid }: Pick<Host, "root" | "uid">): Promise<void> {
  const directory = join(root, "var/tmp", `pipelinewise-sched-${uid}`);
  try {
    const found = await lstat(directory);
    if (!found.isDirectory() || found.uid !== uid) return;
    for (const name of await readdir(directory)) {
      if (CODE_FILE.test(name)) await unlink(join(directory, name));
    }
    await rmdir(directory);
  } catch {
    // The directory does not exist, or contains other files.
  }
}
