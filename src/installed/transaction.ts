import { dirname } from "node:path";
import { TooLargeError } from "../errors.ts";
import { copyStateFile, removeStateFile, syncDirectory, writeStateFile } from "../storage/file.ts";
import { rename } from "../storage/fs.ts";
import { nonce } from "../storage/nonce.ts";
import { ioError } from "../storage/store-error.ts";

/** Planned change of one stored file; `undefined` if it does not exist. */
export interface FileChange {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Changes that were made and can still be undone. */
export interface AppliedChanges {
  /** Restores the previous content. Needs no space on the disk. */
  undo(): Promise<void>;
  /** Discards the previous content. */
  keep(): Promise<void>;
}

/** A copy of a file's previous text, until the changes are kept or undone. */
interface Aside {
  readonly change: FileChange;
  readonly path: string;
}

async function putBack({ change: { path, before }, path: aside }: Aside): Promise<void> {
  if (before === undefined) return removeStateFile(path);
  try {
    await rename(aside, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw ioError("restore", path, error);
  }
}

/**
 * Makes all changes or none: if one fails, the earlier ones are undone and its error is thrown. The previous content is
 * copied before anything changes, while there is space for it. A file that is too large to be read is of no use where it
 * is, so it is moved.
 */
export async function applyChanges(changes: readonly FileChange[]): Promise<AppliedChanges> {
  const asides: readonly Aside[] = changes
    .filter(({ before, after }) => before !== after)
    .map((change) => ({ change, path: `${change.path}.${nonce()}.old` }));
  const done = new Set<Aside>();
  const dropAsides = async (): Promise<void> => {
    for (const { change, path } of asides) if (change.before !== undefined) await removeStateFile(path);
  };
  const undo = async (): Promise<void> => {
    for (const aside of [...done].reverse()) await putBack(aside);
    await dropAsides();
  };
  try {
    for (const aside of asides) {
      const { change, path } = aside;
      if (change.before === undefined) continue;
      try {
        await copyStateFile(change.path, path).catch(async (error) => {
          if (!(error instanceof TooLargeError)) throw error;
          await rename(change.path, path);
          done.add(aside);
        });
      } catch (error) {
        throw ioError("back up", change.path, error);
      }
    }
    for (const aside of asides) {
      const { path, after } = aside.change;
      if (after === undefined) await removeStateFile(path);
      else await writeStateFile(path, after);
      done.add(aside);
    }
  } catch (error) {
    await undo();
    throw error;
  }
  return { undo, keep: dropAsides };
}
