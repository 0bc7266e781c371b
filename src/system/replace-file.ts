import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { nonce } from "../storage/nonce.ts";
import { replaceError } from "../storage/store-error.ts";

/**
 * Writes a file outside `.sched` atomically, because another program may read it at any moment. Creates its directory. The
 * name of the temporary file begins with a dot, so schedulers ignore it.
 *
 * @param mode of the file, independent of the umask; by default the umask decides
 * @throws StoreError
 */
export async function replaceFile(path: string, text: string, mode?: number): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${nonce()}.tmp`);
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(text);
      if (mode !== undefined) await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw replaceError(path, error);
  }
}
