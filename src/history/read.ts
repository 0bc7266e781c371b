import { constants } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { isDataDiff, type LockId } from "../pipeline-id.ts";
import { type OpenFile, open, readdir } from "../storage/fs.ts";
import { runsDir, type StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { parseRecordLine, type RunRecord } from "./record.ts";

const NEWLINE = 0x0a;
/** Names of the history's directories, and of the files in them. */
const MONTH = /^\d{4}-\d\d$/;
const RECORDS = /\.jsonl$/;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;

/** One line of a file, without its newline. */
export interface PlacedLine {
  readonly text: string;
  /** Position of its first byte in the file. */
  readonly offset: number;
}

/** The lines of one block of bytes, last first. @param offset position of the block in the file */
function linesOf(block: Buffer, offset: number): PlacedLine[] {
  const lines: PlacedLine[] = [];
  let start = 0;
  while (start < block.length) {
    const found = block.indexOf(NEWLINE, start);
    const end = found === -1 ? block.length : found;
    if (end > start) lines.push({ text: block.toString("utf8", start, end), offset: offset + start });
    start = end + 1;
  }
  return lines.reverse();
}

/** A longer line is cut. A record has less than a thousandth of this. */
const LONGEST_LINE = 1024 * 1024;
/** The end of a line that was cut. It makes the line garbled. */
const CUT = Buffer.from("…");

async function* blocksBackward(file: OpenFile, blockBytes: number): AsyncGenerator<PlacedLine[]> {
  let end = (await file.stat()).size;
  /**
   * The parts of a line whose beginning has not been read yet, the last part first. They are joined once, after the
   * beginning has been read.
   */
  let rest: Buffer[] = [];
  let restBytes = 0;
  while (end > 0) {
    const length = Math.min(blockBytes, end);
    end -= length;
    const block = await file.readAt(end, length);
    // The text before the first newline may continue a line of the preceding block.
    const first = end === 0 ? 0 : block.indexOf(NEWLINE) + 1;
    if (end > 0 && first === 0) {
      restBytes += block.length;
      if (restBytes <= LONGEST_LINE) rest.push(block);
      else rest = [CUT];
      continue;
    }
    yield linesOf(Buffer.concat([block.subarray(first), ...rest.reverse()]), end + first);
    rest = [block.subarray(0, first)];
    restBytes = first;
  }
}

/**
 * The lines of a file from its end to its beginning, in batches, so that the newest lines of a long file are read first.
 * Leaves out empty lines. Yields nothing if the file does not exist.
 */
export async function* linesBackward(path: string, blockBytes = 65_536): AsyncGenerator<readonly PlacedLine[]> {
  let file: OpenFile;
  try {
    file = await open(path, FLAGS);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw ioError("read", path, error);
  }
  try {
    yield* blocksBackward(file, blockBytes);
  } finally {
    await file.close();
  }
}

/** Selects records. A missing field does not limit the selection. */
export interface HistoryFilter {
  readonly tap?: string | undefined;
  readonly target?: string | undefined;
  readonly limit?: number | undefined;
  /** Leaves out what ended before, ISO 8601 UTC. */
  readonly since?: string | undefined;
}

/** A garbled line of a history file. A crash, a full disk or an editor can cause it. */
export interface HistoryFault {
  readonly file: string;
  /** Position of the first byte of the line in the file. */
  readonly offset: number;
}

export interface History {
  /** Newest end first. */
  readonly runs: readonly RunRecord[];
  /** Garbled lines among those that were read. */
  readonly faults: readonly HistoryFault[];
}

async function namesIn(directory: string, pattern: RegExp): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => pattern.test(name)).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw ioError("read", directory, error);
  }
}

/** The hosts that have a record in the history, each once for each month. */
export async function listHistoryHosts(paths: StatePaths): Promise<readonly string[]> {
  const months = await namesIn(runsDir(paths), MONTH);
  const files = await Promise.all(months.map((month) => namesIn(join(runsDir(paths), month), RECORDS)));
  return files.flat().map((name) => name.replace(RECORDS, ""));
}

/** Texts that a line must contain. They rule out most lines before parsing; the parsed fields decide. */
const quickTests = ({ tap, target }: HistoryFilter): readonly string[] => [
  ...(tap === undefined ? [] : [`"tap":${JSON.stringify(tap)}`]),
  ...(target === undefined ? [] : [`"target":${JSON.stringify(target)}`]),
];

/** The selected records of one host's month, newest first. Parses every line that does not look whole, to report it. */
async function* recordsBackward(
  file: string,
  filter: HistoryFilter,
  faults: HistoryFault[],
): AsyncGenerator<RunRecord> {
  const tests = quickTests(filter);
  for await (const lines of linesBackward(file)) {
    for (const { text, offset } of lines) {
      if (text.startsWith('{"id":') && text.endsWith("}") && !tests.every((test) => text.includes(test))) continue;
      const record = parseRecordLine(text);
      if (record === undefined) faults.push({ file, offset });
      else if (filter.since !== undefined && record.endedAt < filter.since) {
        // The record of a lost run is written after its end, so a newer record may precede it.
        if (record.outcome !== "lost") return;
      } else if ((filter.tap ?? record.tap) === record.tap && (filter.target ?? record.target) === record.target) {
        yield record;
      }
    }
  }
}

/** Merges sequences that are each sorted newest first. */
async function* mergeNewestFirst(sources: readonly AsyncGenerator<RunRecord>[]): AsyncGenerator<RunRecord> {
  const heads = await Promise.all(sources.map(async (source) => ({ source, next: await source.next() })));
  try {
    for (;;) {
      let newest: { head: (typeof heads)[number]; record: RunRecord } | undefined;
      for (const head of heads) {
        if (head.next.done === true) continue;
        const record = head.next.value;
        if (newest === undefined || record.endedAt > newest.record.endedAt) newest = { head, record };
      }
      if (newest === undefined) return;
      yield newest.record;
      newest.head.next = await newest.head.source.next();
    }
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}

/** A lost run is recorded after it ended, so its record follows records of later runs. */
const newestFirst = (one: RunRecord, other: RunRecord): number =>
  one.endedAt === other.endedAt ? 0 : one.endedAt < other.endedAt ? 1 : -1;

/**
 * Adds a record, unless there is one of the same run. A run whose lock another process took away has two records: that
 * process records it as lost, and the run records itself when it notices the loss. The run's own record counts.
 */
function addRecord(runs: Map<string, RunRecord>, record: RunRecord): void {
  const known = runs.get(record.id);
  if (known === undefined || known.outcome === "lost") runs.set(record.id, record);
}

/** Reads the runs and skips of all hosts, newest end first. Stops reading at the limit. */
export async function readHistory(paths: StatePaths, filter: HistoryFilter = {}): Promise<History> {
  const limit = filter.limit ?? Number.POSITIVE_INFINITY;
  const runs = new Map<string, RunRecord>();
  const faults: HistoryFault[] = [];
  const result = (): History => ({ runs: [...runs.values()].sort(newestFirst), faults });
  if (limit <= 0) return result();
  const months = (await namesIn(runsDir(paths), MONTH)).filter((month) => month >= (filter.since ?? "").slice(0, 7));
  for (const month of months.reverse()) {
    const directory = join(runsDir(paths), month);
    const files = await namesIn(directory, RECORDS);
    const sources = files.map((name) => recordsBackward(join(directory, name), filter, faults));
    for await (const record of mergeNewestFirst(sources)) {
      addRecord(runs, record);
      if (runs.size >= limit) return result();
    }
  }
  return result();
}

/** Number of records among which the newest runs under a lock are found. */
const NEWEST = 1000;

/** The newest runs under a lock, older ones first. */
export async function readNewest(paths: StatePaths, { tap, target, dataDiff }: LockId): Promise<readonly RunRecord[]> {
  const { runs } = await readHistory(paths, { tap, target, limit: NEWEST });
  return runs.filter((run) => run.outcome !== "skipped" && isDataDiff(run.command) === dataDiff).reverse();
}
