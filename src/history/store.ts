import { constants } from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type EntryId, entryKey, type LockId } from "../pipeline-id.ts";
import { ensureDirectory } from "../storage/directory.ts";
import { readStateFile, writeStateFile } from "../storage/file.ts";
import { type OpenFile, open } from "../storage/fs.ts";
import { lastRunFile, lastSkipFile, runsFile, type StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { isRunRecord, parseRecordLine, type RunRecord, renderRecordLine } from "./record.ts";

const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const NEWLINE = 0x0a;

type Writer = Pick<Host, "uid" | "name" | "now">;

/** This host's part of the history. */
export interface HistoryStore {
  /** Throws unless a record could be written now. A run that could not be recorded is not started. */
  assertWritable(): Promise<void>;
  /** Adds one record, in one write. */
  append(record: RunRecord): Promise<void>;
}

/** Whether a crash or a full disk left the last line without its newline. A line after it would be part of it. */
async function endsTorn(file: OpenFile): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  return (await file.readAt(size - 1, 1))[0] !== NEWLINE;
}

/** Opens this host's part of the history. Reads and writes nothing yet. */
export function openHistory(paths: StatePaths, host: Writer): HistoryStore {
  /** A record belongs to the month in which it was written, so the lines of a file are ordered by their ends. */
  const fileFor = (endedAt: string): string => runsFile(paths, endedAt.slice(0, 7), host.name);
  const openForAppend = async (path: string): Promise<OpenFile> => {
    await ensureDirectory(paths, dirname(path), host.uid);
    return open(path, FLAGS, 0o600).catch((error) => {
      throw ioError("write", path, error);
    });
  };
  return {
    async assertWritable() {
      await (await openForAppend(fileFor(host.now().toISOString()))).close();
    },
    async append(record) {
      const path = fileFor(record.endedAt);
      const file = await openForAppend(path);
      try {
        const line = Buffer.from((await endsTorn(file)) ? `\n${renderRecordLine(record)}` : renderRecordLine(record));
        if ((await file.write(line)) !== line.length) throw new StoreError(`cannot write ${path}: the disk is full`);
      } catch (error) {
        throw error instanceof StoreError ? error : ioError("write", path, error);
      } finally {
        await file.close();
      }
    },
  };
}

/** The newest records of a lock, which `status` shows without reading the history. */
export interface LastRuns {
  /**
   * Newest run of each entry, by `entryKey`, and the newest success before it, by `successKey`; empty if neither its file
   * nor the history can be read.
   */
  readonly runs: ReadonlyMap<string, RunRecord>;
  /** Newest skip at the lock. */
  readonly skip: RunRecord | undefined;
  /** Sentences about garbled files, which the next run or skip rewrites, and about `unusable` ones. */
  readonly faults: readonly string[];
  /** Sentences about files that can be neither read nor rewritten. */
  readonly unusable: readonly string[];
}

/** The entry of a record. */
export const entryOf = ({ tap, target, command, entry }: RunRecord): EntryId => ({ tap, target, command, id: entry });

/** Key of the newest success of an entry whose newest run did not succeed. @param key of the entry: it has no `@` */
export const successKey = (key: string): string => `${key}@succeeded`;

/** Makes a run the newest of its entry, and keeps the newest success. */
export function addNewest(runs: Map<string, RunRecord>, run: RunRecord): void {
  const key = entryKey(entryOf(run));
  const known = runs.get(key);
  if (run.outcome === "succeeded") runs.delete(successKey(key));
  else if (known?.outcome === "succeeded") runs.set(successKey(key), known);
  runs.set(key, run);
}

/** The runs in a file's text; `undefined` if the text is garbled. */
function parseLastRuns(text: string): Map<string, RunRecord> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const runs = Object.entries(value);
    return runs.every(([, run]) => isRunRecord(run)) ? new Map(runs) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** One file of `last/`, as it was read. */
interface CachedValue<T> {
  /** `undefined` if the file does not exist or cannot be used. */
  readonly value: T | undefined;
  readonly fault: { readonly text: string; readonly kind: "garbled" | "unusable" } | undefined;
}

const describeFault = async (path: string, error: StoreError): Promise<string> =>
  (await import("./describe-fault.ts")).describeFault(path, error);

/** Reads a file of `last/`. Does not throw if that is impossible: the history has all records. */
async function readCached<T>(path: string, parse: (text: string) => T | undefined): Promise<CachedValue<T>> {
  try {
    const text = await readStateFile(path);
    if (text === undefined) return { value: undefined, fault: undefined };
    const value = parse(text);
    return { value, fault: value === undefined ? { text: `${path} is garbled`, kind: "garbled" } : undefined };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { value: undefined, fault: { text: await describeFault(path, error), kind: "unusable" } };
  }
}

/** The newest runs under a lock, according to the history. */
async function runsInHistory(paths: StatePaths, lock: LockId): Promise<ReadonlyMap<string, RunRecord>> {
  const { readNewest } = await import("./read.ts");
  const newest = new Map<string, RunRecord>();
  for (const run of await readNewest(paths, lock)) addNewest(newest, run);
  return newest;
}

/**
 * The newest run of each entry under a lock, and the newest skip. These files only save time: the history has all
 * records, and is read in place of a file that cannot be used.
 */
export interface LastRunStore {
  read(): Promise<LastRuns>;
  /**
   * Records a run as its entry's newest.
   *
   * @param options.holdsLock whether this process has the lock. If not, a later run may have been recorded, which stays
   * @throws StoreError with what to do
   */
  writeRun(run: RunRecord, options?: { readonly holdsLock: boolean }): Promise<void>;
  /** Records a skip as the lock's newest. Throws like `writeRun`. */
  writeSkip(skip: RunRecord): Promise<void>;
}

const NO_RUNS: ReadonlyMap<string, RunRecord> = new Map();

interface LastRunPlace {
  readonly paths: StatePaths;
  readonly lock: LockId;
  readonly host: Pick<Host, "uid">;
}

/** Opens the newest records of a lock. Reads and writes nothing yet. */
export function openLastRuns({ paths, lock, host }: LastRunPlace): LastRunStore {
  const [runFile, skipFile] = [lastRunFile(paths, lock), lastSkipFile(paths, lock)];
  /** Does not sync, which would take longer than the rest of a run: the history still has what a power failure removes. */
  const replaceRecord = async (path: string, text: string): Promise<void> => {
    try {
      await ensureDirectory(paths, dirname(path), host.uid);
      await writeStateFile(path, text, { sync: false });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      throw new StoreError(await describeFault(path, error), { cause: error });
    }
  };
  /**
   * The newest runs, from the history if their file cannot be used.
   *
   * @throws StoreError if the history cannot be read
   */
  const runsOf = async ({ value, fault }: CachedValue<ReadonlyMap<string, RunRecord>>) =>
    value ?? (fault === undefined ? NO_RUNS : await runsInHistory(paths, lock));
  return {
    async read() {
      const [file, skip] = await Promise.all([
        readCached(runFile, parseLastRuns),
        readCached(skipFile, parseRecordLine),
      ]);
      const faults = [file.fault, skip.fault].filter((fault) => fault !== undefined);
      const runs = await runsOf(file).catch((error) => {
        if (!(error instanceof StoreError)) throw error;
        faults.push({ text: error.message, kind: "unusable" });
        return NO_RUNS;
      });
      return {
        runs,
        skip: skip.value,
        faults: faults.map(({ text }) => text),
        unusable: faults.filter(({ kind }) => kind === "unusable").map(({ text }) => text),
      };
    },
    async writeRun(run, { holdsLock } = { holdsLock: true }) {
      const file = await readCached(runFile, parseLastRuns);
      if (file.fault?.kind === "unusable") throw new StoreError(file.fault.text);
      const runs = new Map(await runsOf(file));
      const known = runs.get(entryKey(entryOf(run)));
      if (!holdsLock && known !== undefined && known.startedAt > run.startedAt) return;
      addNewest(runs, run);
      await replaceRecord(runFile, `${JSON.stringify(Object.fromEntries(runs))}\n`);
    },
    writeSkip: (skip) => replaceRecord(skipFile, renderRecordLine(skip)),
  };
}
