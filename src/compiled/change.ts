import { copyFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { removeStateFile, syncFolder, writeStateFile } from "../state-file.ts";
import { storeFault } from "../store-fault.ts";

/** One stored file as it is and as it shall be; `undefined`: not there. */
export interface FileChange {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Changes that were made and can still be taken back. */
export interface AppliedChanges {
  /** Puts back what stood there before. Needs no room on the disk. */
  undo(): Promise<void>;
  /** Gives up what stood there before. */
  keep(): Promise<void>;
}

const asideOf = (path: string, unique: string): string => `${path}.${unique}.old`;

async function putBack({ path, before }: FileChange, unique: string): Promise<void> {
  if (before === undefined) return removeStateFile(path);
  try {
    await rename(asideOf(path, unique), path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw storeFault("put back", path, error);
  }
}

/**
 * Makes all changes or none: when one fails, those before it are put back and its error is thrown. What stood there is
 * copied aside before anything changes, while there is still room for it.
 *
 * @param unique what makes the names beside the files ours
 */
export async function applyChanges(changes: readonly FileChange[], unique: string): Promise<AppliedChanges> {
  const real = changes.filter(({ before, after }) => before !== after);
  const done: FileChange[] = [];
  const dropAsides = async (): Promise<void> => {
    for (const { path, before } of real) if (before !== undefined) await removeStateFile(asideOf(path, unique));
  };
  const undo = async (): Promise<void> => {
    for (const change of done.reverse()) await putBack(change, unique);
    await dropAsides();
  };
  try {
    for (const { path, before } of real) {
      if (before === undefined) continue;
      await copyFile(path, asideOf(path, unique)).catch((error) => {
        throw storeFault("copy aside", path, error);
      });
    }
    for (const change of real) {
      if (change.after === undefined) await removeStateFile(change.path);
      else await writeStateFile(change.path, change.after, unique);
      done.push(change);
    }
  } catch (error) {
    await undo();
    throw error;
  }
  return { undo, keep: dropAsides };
}
