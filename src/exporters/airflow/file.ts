import { constants } from "node:fs";
import { lstat, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCode } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { syncFolder } from "../../state-file.ts";
import { storeFault } from "../../store-fault.ts";

/** What stands at the path of a DAG file; `not-a-file`: a link, a folder. */
export type FoundFile = { readonly kind: "absent" | "not-a-file" } | { readonly kind: "file"; readonly text: string };

export async function readFound(path: string): Promise<FoundFile> {
  try {
    if (!(await lstat(path)).isFile()) return { kind: "not-a-file" };
    return { kind: "file", text: await readFile(path, "utf8") };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { kind: "absent" };
    throw storeFault("read", path, error);
  }
}

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
/** Airflow's parts may run as another user than ours. */
const MODE = 0o644;

/**
 * Writes a file that Airflow may read at any moment: it finds the old text or the new one. Meanwhile the new one lies in
 * the same folder, by a name that Airflow passes over.
 */
export async function writeWhole(path: string, text: string, { name, pid }: Pick<Host, "name" | "pid">): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.${name}.${pid}.tmp`);
  try {
    const file = await open(beside, FLAGS, MODE);
    try {
      await file.writeFile(text);
      // Whatever the umask is.
      await file.chmod(MODE);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw storeFault("write", path, error);
  }
  // The file stands: what a power cut takes away now, the next install brings back.
  await syncFolder(dirname(path)).catch(() => {});
}

export async function removeWhole(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error) => {
    throw storeFault("remove", path, error);
  });
}
