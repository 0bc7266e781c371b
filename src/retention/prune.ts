import { relative } from "node:path";
import { DEFAULT_RETENTION } from "../default-retention.ts";
import { errorCode, errorMessage } from "../errors.ts";
import { retentionOf } from "../installed/decode-later.ts";
import { listStored } from "../installed/store.ts";
import type { KeptTimes } from "../policies.ts";
import { rmdir, unlink } from "../storage/fs.ts";
import { ioError } from "../storage/store-error.ts";
import { type Expired, type ExpiryContext, type FindExpired, forEachFile } from "./expired.ts";
import { findHistory } from "./history.ts";
import { findRunLogs } from "./run-logs.ts";

/** The files that were removed from one directory, or would be. */
interface Removal extends Pick<Expired, "kind"> {
  /** Below the config directory. */
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
}

/** The result of a removal of expired files. */
export interface Pruned {
  readonly removals: readonly Removal[];
  /** Sentences about what could not be removed. */
  readonly faults: readonly string[];
}

/**
 * How long files are kept in a config directory. If several schedules have the key `retention`, the longest times
 * count, because the schedules share the directory. If none has the key, the defaults count.
 */
export async function readRetention({ paths, host }: Pick<ExpiryContext, "paths" | "host">): Promise<KeptTimes> {
  const written = (await listStored(paths, host)).flatMap(({ storedSchedule }) => retentionOf(storedSchedule) ?? []);
  const all = written.length === 0 ? [DEFAULT_RETENTION] : written;
  return {
    logsMs: Math.max(...all.map(({ logsMs }) => logsMs)),
    historyMs: Math.max(...all.map(({ historyMs }) => historyMs)),
  };
}

/** Removes a directory if it is empty. */
async function removeEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (errorCode(error) === "ENOTEMPTY" || errorCode(error) === "EEXIST" || errorCode(error) === "ENOENT") return;
    throw ioError("remove", directory, error);
  }
}

/** Removes files. A file that is already gone does not count: another host may prune too. */
async function removeFiles(
  { directory, files, isWhole }: Expired,
  onFault: ExpiryContext["onFault"],
): Promise<Pick<Removal, "files" | "bytes">> {
  let [count, bytes, failed] = [0, 0, 0];
  let first = "";
  await forEachFile(files, async (file) => {
    try {
      await unlink(file.path);
      count += 1;
      bytes += file.bytes;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      failed += 1;
      first ||= errorMessage(ioError("remove", file.path, error));
    }
  });
  if (failed > 0) onFault(failed === 1 ? first : `${first}; and ${failed - 1} more files of this directory`);
  else if (isWhole === true) {
    await removeEmpty(directory).catch((error: unknown) => onFault(errorMessage(error)));
  }
  return { files: count, bytes };
}

const SEARCHES: readonly FindExpired[] = [findRunLogs, findHistory];

/**
 * Removes the expired files of a config directory. A directory that cannot be pruned is left out, and never stops the
 * others.
 *
 * @param options.isDryRun only looks for them
 */
export async function prune(
  context: Omit<ExpiryContext, "onFault">,
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<Pruned> {
  const removals: Removal[] = [];
  const faults: string[] = [];
  const onFault = (fault: string): void => void faults.push(fault);
  for (const search of SEARCHES) {
    for await (const expired of search({ ...context, onFault })) {
      const { kind, files: found } = expired;
      const { files, bytes } = isDryRun
        ? { files: found.length, bytes: found.reduce((sum, file) => sum + file.bytes, 0) }
        : await removeFiles(expired, onFault);
      const directory = relative(context.paths.configDir, expired.directory);
      if (files > 0) removals.push({ kind, directory, files, bytes });
    }
  }
  return { removals, faults };
}
