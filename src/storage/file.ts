import { constants } from "node:fs";
import { dirname } from "node:path";
import { errorCode, StoreError } from "../errors.ts";
import { type OpenFile, open, removeFile, rename } from "./fs.ts";
import { renderMode, WRITABLE_BY_OTHERS } from "./modes.ts";
import { nonce } from "./nonce.ts";
import { ioError, replaceError, systemCode } from "./store-error.ts";

const FILE_MODE = 0o600;

/** Reads a file in `.sched`; `undefined` if it does not exist. */
export async function readStateFile(path: string): Promise<string | undefined> {
  return readVia(path, "utf8", async () => {});
}

/**
 * Like `readStateFile` for a file that names commands. Throws if the group or others can write it, or if its owner is not
 * trusted.
 *
 * @param owners user ids whose file is trusted
 */
export async function readTrustedFile(
  path: string,
  owners: readonly number[],
  encoding: BufferEncoding = "utf8",
): Promise<string | undefined> {
  return readVia(path, encoding, async (file) => {
    const { uid, mode } = await file.stat();
    if (!owners.includes(uid)) {
      throw new StoreError(`${path} belongs to user ${uid}, so its commands are not run for you`, {
        hint: "Check the file, then install the schedule again as the user who owns the crontab.",
      });
    }
    if ((mode & WRITABLE_BY_OTHERS) !== 0) {
      throw new StoreError(`${path} can be written by others (mode ${renderMode(mode)}), so it is not trusted`, {
        hint: "Check the file, which contains commands that are run. Then install the schedule again.",
      });
    }
  });
}

async function readOnce(
  path: string,
  encoding: BufferEncoding,
  check: (file: OpenFile) => Promise<void>,
): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    await check(file);
    return await file.readText(encoding);
  } finally {
    await file.close();
  }
}

const TRIES = 4;

async function readVia(
  path: string,
  encoding: BufferEncoding,
  check: (file: OpenFile) => Promise<void>,
  tries = TRIES,
): Promise<string | undefined> {
  try {
    return await readOnce(path, encoding, check);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    // Another host replaced the file after this process opened it, and the NFS server has removed the old one.
    if (systemCode(error) === "ESTALE" && tries > 1) return readVia(path, encoding, check, tries - 1);
    throw error instanceof StoreError ? error : ioError("read", path, error);
  }
}

/** Makes sure that a rename or a removal in a directory survives a power failure. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a directory; they keep the order of its changes themselves.
    if (errorCode(error) !== "EINVAL" && errorCode(error) !== "ENOTSUP") throw error;
  } finally {
    await handle.close();
  }
}

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** A temporary name beside a file, unique across all hosts and containers. */
export const besideOf = (path: string): string => `${path}.${nonce()}.tmp`;

/** Writes a new file. Removes it again if the write fails. */
export async function createStateFile(
  path: string,
  text: string,
  { encoding = "utf8", sync }: { readonly encoding?: BufferEncoding; readonly sync: boolean },
): Promise<void> {
  const file = await open(path, NEW_FILE, FILE_MODE);
  try {
    try {
      await file.writeText(text, encoding);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await removeFile(path).catch(() => {});
    throw error;
  }
}

/** Copies a file to a new one. */
export async function copyStateFile(from: string, to: string): Promise<void> {
  await createStateFile(to, await readOnce(from, "latin1", async () => {}), { encoding: "latin1", sync: true });
}

/**
 * Writes a file atomically: to a temporary file beside it, which is synced and then renamed. A reader sees the old text or
 * the new one, never a part, even if the disk is full.
 *
 * @param options.sync whether the text must survive a power failure
 */
export async function writeStateFile(path: string, text: string, { sync = true } = {}): Promise<void> {
  const beside = besideOf(path);
  try {
    await createStateFile(beside, text, { sync });
    await rename(beside, path);
    if (sync) await syncDirectory(dirname(path));
  } catch (error) {
    await removeFile(beside).catch(() => {});
    throw replaceError(path, error);
  }
}

/** Removes a file of this program. It may already be gone. */
export async function removeStateFile(path: string): Promise<void> {
  try {
    await removeFile(path);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw ioError("remove", path, error);
  }
}
