import { constants } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { type OpenFile, open, readdir } from "../storage/fs.ts";
import { runsDir, type StatePaths } from "../storage/paths.ts";
import { storeFault } from "../storage/store-error.ts";
import { parseRecordLine, type RunRecord } from "./record.ts";

const NEWLINE = 0x0a;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** One line, without its end. */
export interface PlacedLine {
  readonly text: string;
  /** Byte in the file at which it begins. */
  readonly offset: number;
}

/** The lines of one block of bytes, last first. @param offset where the block begins in the file */
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

async function* blocksBackward(file: OpenFile, blockBytes: number): AsyncGenerator<PlacedLine[]> {
  let end = (await file.stat()).size;
  let rest = Buffer.alloc(0);
  while (end > 0) {
    const length = Math.min(blockBytes, end);
    end -= length;
    const block = Buffer.concat([await file.readAt(end, length), rest]);
    // The text before the first newline may continue a line of the preceding block.
    const first = end === 0 ? 0 : block.indexOf(NEWLINE) + 1;
    if (end > 0 && first === 0) {
      rest = block;
      continue;
    }
    rest = block.subarray(0, first);
    yield linesOf(block.subarray(first), end + first);
  }
}

/**
 * The lines of a file from its end to its beginning, in handfuls, so that the newest of a million are read at once.
 * Empty lines are left out. Nothing when there is no such file.
 */
export async function* linesBackward(path: string, blockBytes = 65_536): AsyncGenerator<readonly PlacedLine[]> {
  let file: OpenFile;
  try {
    file = await open(path, FLAGS);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw storeFault("read", path, error);
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
}

/** A line that is no record: torn by a crash or a full disk, or changed by someone. */
export interface HistoryFault {
  readonly file: string;
  /** Byte in the file at which the line begins. */
  readonly offset: number;
}

export interface History {
  /** Newest end first. */
  readonly runs: readonly RunRecord[];
  /** Of the lines that were read on the way. */
  readonly faults: readonly HistoryFault[];
}

async function namesIn(folder: string, pattern: RegExp): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => pattern.test(name)).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw storeFault("read", folder, error);
  }
}

/** A quick look before a line is parsed; only what it lets through is compared for certain. */
const quickTests = ({ tap, target }: HistoryFilter): readonly string[] => [
  ...(tap === undefined ? [] : [`"tap":${JSON.stringify(tap)}`]),
  ...(target === undefined ? [] : [`"target":${JSON.stringify(target)}`]),
];

/** The wanted records of one host's month, newest first. Only a line that ends as ours do may be left unparsed. */
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
      else if ((filter.tap ?? record.tap) === record.tap && (filter.target ?? record.target) === record.target) {
        yield record;
      }
    }
  }
}

/** Several sequences, each newest first, as one. */
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

/** Runs and skips of all hosts, newest end first. Reads no more than it must. */
export async function readHistory(paths: StatePaths, filter: HistoryFilter = {}): Promise<History> {
  const limit = filter.limit ?? Number.POSITIVE_INFINITY;
  const runs: RunRecord[] = [];
  const faults: HistoryFault[] = [];
  if (limit <= 0) return { runs, faults };
  for (const month of (await namesIn(runsDir(paths), /^\d{4}-\d\d$/)).reverse()) {
    const folder = join(runsDir(paths), month);
    const files = await namesIn(folder, /\.jsonl$/);
    const sources = files.map((name) => recordsBackward(join(folder, name), filter, faults));
    for await (const record of mergeNewestFirst(sources)) {
      runs.push(record);
      if (runs.length >= limit) return { runs: runs.sort(newestFirst), faults };
    }
  }
  return { runs: runs.sort(newestFirst), faults };
}
