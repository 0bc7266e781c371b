import type { Host } from "../host.ts";
import { applyChanges, type FileChange } from "../installed/transaction.ts";
import { NothingDoneError } from "../schedulers/scheduler.ts";
import { ensureDirectory, openStateDirectory } from "../storage/directory.ts";
import { type StatePaths, schedulesDir } from "../storage/paths.ts";

/**
 * Writes the stored files, then runs `act`. If either fails, the files are restored, unless `act` had already changed
 * something that needs them.
 */
export async function withRollback<T>(
  files: readonly FileChange[],
  paths: StatePaths,
  host: Host,
  act: () => Promise<T>,
): Promise<T> {
  await openStateDirectory(paths.configDir, host.uid);
  await ensureDirectory(paths, schedulesDir(paths), host.uid);
  const applied = await applyChanges(files);
  const result = await act().catch(async (error) => {
    await (error instanceof NothingDoneError ? applied.undo() : applied.keep());
    throw error;
  });
  await applied.keep();
  return result;
}
