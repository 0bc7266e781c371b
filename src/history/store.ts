import { constants } from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type EntryId, entryKey, type LockId, lockOf } from "../pipeline-id.ts";
import { ensureFolder } from "../storage/directory.ts";
import { besideOf, createStateFile, readStateFile } from "../storage/file.ts";
import { type OpenFile, open, removeFile, rename } from "../storage/fs.ts";
import { lastRunFile, lastSkipFile, runsFile, type StatePaths } from "../storage/paths.ts";
import { storeFault } from "../storage/store-error.ts";
import { isRunRecord, parseRecordLine, type RunRecord, renderRecordLine } from "./record.ts";

const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const NEWLINE = 0x0a;

type Writer = Pick<Host, "uid" | "name">;

/** A record belongs to the month in which it was written, so the lines of a file stand in the order of their ends. */
const fileFor = (paths: StatePaths, host: Writer, endedAt: string): string =>
  runsFile(paths, endedAt.slice(0, 7), host.name);

async function openForAppend(paths: StatePaths, file: string, uid: number): Promise<OpenFile> {
  await ensureFolder(paths, dirname(file), uid);
  try {
    return await open(file, FLAGS, 0o600);
  } catch (error) {
    throw storeFault("write", file, error);
  }
}

/** Throws unless a record could be written now: a run that could not be recorded is not begun. */
export async function demandWritableHistory(paths: StatePaths, host: Writer & Pick<Host, "now">): Promise<void> {
  const file = await openForAppend(paths, fileFor(paths, host, host.now().toISOString()), host.uid);
  await file.close();
}

/** Whether a crash or a full disk left the last line without its end; our line would be lost in it. */
async function endsTorn(file: OpenFile): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  return (await file.readAt(size - 1, 1))[0] !== NEWLINE;
}

/** Adds one record to this host's history, in one write. */
export async function appendRecord(paths: StatePaths, host: Writer, record: RunRecord): Promise<void> {
  const path = fileFor(paths, host, record.endedAt);
  const file = await openForAppend(paths, path, host.uid);
  try {
    const line = Buffer.from((await endsTorn(file)) ? `\n${renderRecordLine(record)}` : renderRecordLine(record));
    if ((await file.write(line)) !== line.length) throw new StoreError(`cannot write ${path}: the disk is full`);
  } catch (error) {
    throw error instanceof StoreError ? error : storeFault("write", path, error);
  } finally {
    await file.close();
  }
}

/** What `status` shows of a pipeline without reading its history. */
export interface LastRuns {
  /** Newest run of each entry, by `entryKey`. */
  readonly runs: ReadonlyMap<string, RunRecord>;
  /** Newest skip at the lock. */
  readonly skip: RunRecord | undefined;
  /** Files that could not be understood; the next run rewrites them. */
  readonly faults: readonly string[];
}

/** The entry of a record. */
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

/**
 * Without a sync, which would cost a run more than all else: after a power cut the history still has what is lost here.
 */
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
