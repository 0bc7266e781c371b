import { type Host, userName } from "../host.ts";
import { applyChanges, type FileChange } from "../installed/transaction.ts";
import { type BackupPlace, writeBackup } from "../schedulers/cron/backups.ts";
import type { SystemCrontab } from "../schedulers/cron/crontab-program.ts";
import { ensureFolder, openStateFolder } from "../storage/directory.ts";
import { type StatePaths, schedulesDir } from "../storage/paths.ts";

/** Changes on this machine: to a crontab, to stored files, or to both. */
export interface Changes {
  readonly crontab: { readonly before: string; readonly after: string } | undefined;
  readonly files: readonly FileChange[];
}

/** The place for backups of this host and user. */
export const backupPlace = (paths: StatePaths, host: Host): BackupPlace => ({
  paths,
  host: host.name,
  user: userName(host),
  uid: host.uid,
});

/**
 * Applies changes: cron checks the new crontab, the old one is backed up, then the files and the crontab are written.
 * If a step fails, files and crontab are restored. Returns the path of the backup.
 */
export async function carryOut(
  { crontab, files }: Changes,
  paths: StatePaths,
  machine: { readonly host: Host; readonly crontab: SystemCrontab },
): Promise<string | undefined> {
  const { host } = machine;
  const rewrites = crontab !== undefined && crontab.before !== crontab.after;
  if (rewrites) await machine.crontab.check(crontab.after);
  await openStateFolder(paths.configDir, host.uid);
  const backup = rewrites ? await writeBackup(backupPlace(paths, host), crontab.before, host.now()) : undefined;
  const write = async (): Promise<void> => {
    if (rewrites) await machine.crontab.write(crontab.after, crontab.before);
  };
  await withFiles(files, paths, host, { act: write, hasDoneNothing: () => true });
  return backup;
}

/**
 * Writes the files, then runs `act`. If either fails, the files are restored, unless `act` had already changed
 * something that needs them.
 */
export async function withFiles<T>(
  files: readonly FileChange[],
  paths: StatePaths,
  host: Host,
  { act, hasDoneNothing }: { readonly act: () => Promise<T>; readonly hasDoneNothing: (error: unknown) => boolean },
): Promise<T> {
  await openStateFolder(paths.configDir, host.uid);
  await ensureFolder(paths, schedulesDir(paths), host.uid);
  const applied = await applyChanges(files);
  const result = await act().catch(async (error) => {
    await (hasDoneNothing(error) ? applied.undo() : applied.keep());
    throw error;
  });
  await applied.keep();
  return result;
}
