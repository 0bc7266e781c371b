import { dirname } from "node:path";
import { type EntryId, entryKey, type LockId, lockOf } from "../command/request.ts";
import { removeFile, rename } from "../files.ts";
import type { Host } from "../host.ts";
import { besideOf, createStateFile, readStateFile } from "../state-file.ts";
import { ensureFolder } from "../state-folder.ts";
import { lastRunFile, lastSkipFile, type StatePaths } from "../state-paths.ts";
import { storeFault } from "../store-fault.ts";
import { isRunRecord, parseRecordLine, renderRecordLine } from "./line.ts";
import type { RunRecord } from "./record.ts";

/** What `status` shows of a pipeline without reading its history. */
export interface LastRuns {
  /** Newest run of each entry, by `entryKey`. */
  readonly runs: ReadonlyMap<string, RunRecord>;
  /** Newest skip at the lock. */
  readonly skip: RunRecord | undefined;
  /** Files that could not be understood; the next run writes them anew. */
  readonly faults: readonly string[];
}

/** The entry that a record tells of. */
export const entryOf = ({ tap, target, command, entry }: RunRecord): EntryId => ({ tap, target, command, id: entry });

/** The runs in a file's text; `undefined` when it is garbled. */
function parseLastRuns(text: string): Map<string, RunRecord> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const runs = Object.entries(value);
    return runs.every(([, run]) => isRunRecord(run)) ? new Map(runs) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Without a sync, which would cost a run more than all else: after a power cut the history still has what is lost here. */
async function replaceFile(paths: StatePaths, path: string, text: string, host: Pick<Host, "uid">) {
  await ensureFolder(paths, dirname(path), host.uid);
  const beside = besideOf(path);
  try {
    await createStateFile(beside, text, { sync: false });
    await rename(beside, path);
  } catch (error) {
    await removeFile(beside).catch(() => {});
    throw storeFault("write", path, error);
  }
}

/** Notes a run as its entry's newest. To be called by who holds the pipeline's lock. */
export async function writeLastRun(paths: StatePaths, host: Pick<Host, "uid">, run: RunRecord) {
  const path = lastRunFile(paths, lockOf(entryOf(run)));
  const text = await readStateFile(path);
  const runs = (text === undefined ? undefined : parseLastRuns(text)) ?? new Map<string, RunRecord>();
  runs.set(entryKey(entryOf(run)), run);
  await replaceFile(paths, path, `${JSON.stringify(Object.fromEntries(runs))}\n`, host);
}

/** Notes a skip as the pipeline's newest. */
export async function writeLastSkip(paths: StatePaths, host: Pick<Host, "uid">, skip: RunRecord) {
  await replaceFile(paths, lastSkipFile(paths, lockOf(entryOf(skip))), renderRecordLine(skip), host);
}

/** The newest runs and skip at a lock. */
export async function readLast(paths: StatePaths, lock: LockId): Promise<LastRuns> {
  const [runFile, skipFile] = [lastRunFile(paths, lock), lastSkipFile(paths, lock)];
  const [runText, skipText] = await Promise.all([readStateFile(runFile), readStateFile(skipFile)]);
  const runs = runText === undefined ? new Map<string, RunRecord>() : parseLastRuns(runText);
  const skip = skipText === undefined ? undefined : parseRecordLine(skipText);
  return {
    runs: runs ?? new Map(),
    skip,
    faults: [
      ...(runs === undefined ? [`${runFile} is garbled`] : []),
      ...(skipText !== undefined && skip === undefined ? [`${skipFile} is garbled`] : []),
    ],
  };
}
