import { constants } from "node:fs";
import { dirname } from "node:path";
import { errorCode, StoreError } from "../errors.ts";
import { type OpenFile, open, removeFile, rename } from "./fs.ts";
import { nonce } from "./nonce.ts";
import { storeFault, systemCode } from "./store-error.ts";

const FILE_MODE = 0o600;

/** Text of a file inside `.sched`; `undefined` when it is not there. */
export async function readStateFile(path: string): Promise<string | undefined> {
  return readVia(path, "utf8", async () => {});
}

/**
 * The same for a file that names commands: refused when group or others may write it, or when it is a stranger's.
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
    if ((mode & 0o022) !== 0) {
      throw new StoreError(
        `${path} can be written by others (mode ${(mode & 0o777).toString(8)}), so it is not trusted`,
        {
          hint: "Check the file, which contains commands that are run. Then install the schedule again.",
        },
      );
    }
  });
}

async function readOnce(
  path: string,
  encoding: BufferEncoding,
  check: (file: OpenFile) => Promise<void>,
): Promise<string> {
  // NONBLOCK: a fifo put there by someone else must not hang us.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
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
    // Another host has put a newer file in its place since we opened it, and NFS knows the old one no more.
    if (systemCode(error) === "ESTALE" && tries > 1) return readVia(path, encoding, check, tries - 1);
    throw error instanceof StoreError ? error : storeFault("read", path, error);
  }
}

/** Makes a rename or removal in a folder outlast a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder; they say so and keep its order themselves.
    if (errorCode(error) !== "EINVAL" && errorCode(error) !== "ENOTSUP") throw error;
  } finally {
    await handle.close();
  }
}

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** A name beside a file that nobody else uses, on whatever host or in whatever container. */
export const besideOf = (path: string): string => `${path}.${nonce()}.tmp`;

/** Writes the whole of a file that is not there yet. What is left of a write that fails is removed. */
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

/** Writes the bytes of a file into another one that is not there yet. */
export async function copyStateFile(from: string, to: string): Promise<void> {
  await createStateFile(to, await readOnce(from, "latin1", async () => {}), { encoding: "latin1", sync: true });
}

/**
 * Writes a file that others may read meanwhile: beside itself, synced, then renamed, so that a reader and a full disk
 * find the old text or the new one, never half of it.
 */
export async function writeStateFile(path: string, text: string): Promise<void> {
  const beside = besideOf(path);
  try {
    await createStateFile(beside, text, { sync: true });
    await rename(beside, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await removeFile(beside).catch(() => {});
    throw storeFault("write", path, error);
  }
}

/** Removes a file of ours; it is fine when it has gone already. */
export async function removeStateFile(path: string): Promise<void> {
  try {
    await removeFile(path);
    await syncFolder(dirname(path));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw storeFault("remove", path, error);
  }
}
