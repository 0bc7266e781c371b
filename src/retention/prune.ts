import { relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_RETENTION } from "../default-retention.ts";
import { errorCode, errorMessage } from "../errors.ts";
import { retentionOf } from "../installed/decode-later.ts";
import { listStored } from "../installed/store.ts";
import type { KeptTimes } from "../policies.ts";
import { rmdir, unlink } from "../storage/fs.ts";
import { ioError } from "../storage/store-error.ts";
import { attempt, type Expired, type ExpiryContext, type FindExpired, forEachFile } from "./expired.ts";
import { findHistory } from "./history.ts";
import { findPipelineWiseLogs } from "./pipelinewise-logs.ts";
import { findRunLogs } from "./run-logs.ts";
import { findTemporary } from "./temporary.ts";
import { underLock } from "./under-lock.ts";

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
  /** Sentence fragments: why files that have expired stay until another day. */
  readonly postponed: readonly string[];
}

/**
 * How long files are kept in a config directory. If several schedules have the key `retention`, the longest times
 * apply, because the schedules share the directory. If none has the key, the defaults apply.
 */
export async function readRetention({ paths, host }: Pick<ExpiryContext, "paths" | "host">): Promise<KeptTimes> {
  const written = (await listStored(paths, host)).flatMap(({ storedSchedule }) => retentionOf(storedSchedule) ?? []);
  const all = written.length === 0 ? [DEFAULT_RETENTION] : written;
  const longest = Math.max(...all.map(({ pipelinewiseLogsMs = 0 }) => pipelinewiseLogsMs));
  return {
    logsMs: Math.max(...all.map(({ logsMs }) => logsMs)),
    historyMs: Math.max(...all.map(({ historyMs }) => historyMs)),
    pipelinewiseLogsMs: longest === 0 ? undefined : longest,
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

const SEARCHES: readonly FindExpired[] = [findRunLogs, findHistory, findTemporary];

interface PruneOptions {
  /** Only looks for expired files, and acquires no lock. */
  readonly isDryRun: boolean;
  /** Waiting times. After each of them, the pipelines that were running get another turn. */
  readonly retryMs?: Iterable<number>;
}

/**
 * Removes the expired files of a config directory. A directory that cannot be pruned is left out, and never stops the
 * others.
 */
export async function prune(
  place: Omit<ExpiryContext, "onFault" | "onPostponed">,
  { isDryRun, retryMs = [] }: PruneOptions,
): Promise<Pruned> {
  const removals: Removal[] = [];
  const faults: string[] = [];
  const postponed: string[] = [];
  let running: string[] = [];
  const context: ExpiryContext = {
    ...place,
    onFault: (fault) => void faults.push(fault),
    onPostponed: (reason) => void postponed.push(reason),
  };
  const remove = async (expired: Expired): Promise<Pick<Removal, "files" | "bytes"> | undefined> => {
    const { lockedBy, directory, files } = expired;
    if (isDryRun) return { files: files.length, bytes: files.reduce((sum, file) => sum + file.bytes, 0) };
    const act = () => removeFiles(expired, context.onFault);
    if (lockedBy === undefined) return act();
    const end = await attempt(context, directory, () => underLock(context, lockedBy, act));
    if (end !== undefined && "inUse" in end) running.push(end.inUse);
    return end !== undefined && "result" in end ? end.result : undefined;
  };
  const pruneBy = async (search: FindExpired): Promise<void> => {
    for await (const expired of search(context)) {
      const removed = await remove(expired);
      if (removed === undefined || removed.files === 0) continue;
      const directory = relative(context.paths.configDir, expired.directory);
      removals.push({ kind: expired.kind, directory, files: removed.files, bytes: removed.bytes });
    }
  };
  for (const search of [...SEARCHES, findPipelineWiseLogs]) await pruneBy(search);
  for (const ms of running.length === 0 ? [] : retryMs) {
    await sleep(ms);
    running = [];
    // Another search is cheaper than a list of the logs of all running pipelines.
    await pruneBy(findPipelineWiseLogs);
    if (running.length === 0) break;
  }
  return { removals, faults, postponed: [...postponed, ...running] };
}
