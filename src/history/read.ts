import { join } from "node:path";
import { errorCode } from "../errors.ts";
import { isDataDiff, type LockId } from "../pipeline-id.ts";
import { readdir } from "../storage/fs.ts";
import { runsDir, type StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { linesBackward } from "./lines-backward.ts";
import { mergeFiles, sortNewestFirst } from "./newest-first.ts";
import { type OutcomeKind, parseRecordLine, type RunRecord } from "./record.ts";

/** Names of the history's directories, and of the files in them. */
const MONTH = /^\d{4}-\d\d$/;
const RECORDS = /\.jsonl$/;

/** Selects records. A missing field does not limit the selection. Instants are ISO 8601 UTC. */
export interface HistoryFilter {
  /** Id of a run. */
  readonly run?: string | undefined;
  readonly tap?: string | undefined;
  readonly target?: string | undefined;
  readonly host?: string | undefined;
  readonly outcomes?: readonly OutcomeKind[] | undefined;
  /** Leaves out what ended before. */
  readonly since?: string | undefined;
  /** Leaves out what ended at this instant or later. */
  readonly until?: string | undefined;
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

/** The fields that are equal in the two records of a run that was also recorded as lost. */
const SAME = ["tap", "target", "host"] as const;

/**
 * Whether the text of a line may be a selected record. This rules out most lines before they are parsed; the parsed
 * fields decide. A selection of lost runs needs the other record of a run, whatever its outcome.
 */
function quickTest(filter: HistoryFilter): (line: string) => boolean {
  const { run, outcomes } = filter;
  const needed = [
    ...(run === undefined ? [] : [`{"id":${JSON.stringify(run)}`]),
    ...SAME.flatMap((name) => (filter[name] === undefined ? [] : [`"${name}":${JSON.stringify(filter[name])}`])),
  ];
  const anyOf =
    outcomes === undefined || outcomes.includes("lost") ? undefined : outcomes.map((kind) => `"outcome":"${kind}"`);
  return (line) =>
    needed.every((text) => line.includes(text)) && (anyOf === undefined || anyOf.some((text) => line.includes(text)));
}

/** Records of one host's month, the last line first. */
export type RecordBatches = AsyncGenerator<readonly RunRecord[]>;

/** The selected records of one host's month, the last line first. Parses every line that does not look whole, to report it. */
async function* recordsBackward(
  file: string,
  filter: HistoryFilter,
  onFault: (fault: HistoryFault) => void,
): RecordBatches {
  const { run, since = "", until } = filter;
  const mayMatch = quickTest(filter);
  for await (const lines of linesBackward(file)) {
    const found: RunRecord[] = [];
    for (const { text, offset } of lines) {
      if (text.startsWith('{"id":') && text.endsWith("}") && !mayMatch(text)) continue;
      const record = parseRecordLine(text);
      if (record === undefined) onFault({ file, offset });
      else if (record.endedAt < since) {
        // The record of a lost run is written after its end, so a newer record may precede it.
        if (record.outcome === "lost") continue;
        yield found;
        return;
      } else if (
        (until === undefined || record.endedAt < until) &&
        (run ?? record.id) === record.id &&
        SAME.every((name) => (filter[name] ?? record[name]) === record[name])
      ) {
        found.push(record);
      }
    }
    yield found;
  }
}

/** All records of each month, the newest month first: the batches of each host. Garbled lines are left out. */
export async function* monthsBackward(paths: StatePaths): AsyncGenerator<readonly RecordBatches[]> {
  for (const month of (await namesIn(runsDir(paths), MONTH)).reverse()) {
    const directory = join(runsDir(paths), month);
    const files = await namesIn(directory, RECORDS);
    yield files.map((name) => recordsBackward(join(directory, name), {}, () => {}));
  }
}

/** The records of all hosts, almost sorted. */
async function* allRecords(
  paths: StatePaths,
  filter: HistoryFilter,
  onFault: (fault: HistoryFault) => void,
): AsyncGenerator<RunRecord> {
  const { since = "", until = "9" } = filter;
  const months = (await namesIn(runsDir(paths), MONTH)).filter(
    (month) => month >= since.slice(0, 7) && month <= until.slice(0, 7),
  );
  for (const month of months.reverse()) {
    const directory = join(runsDir(paths), month);
    const files = await namesIn(directory, RECORDS);
    yield* mergeFiles(files.map((name) => recordsBackward(join(directory, name), filter, onFault)));
  }
}

/**
 * The runs and skips of all hosts, newest end first. It reads no further back than its reader does, and holds only a few
 * hundred records, so that a history of any size can be read.
 *
 * @param onFault is called with each garbled line that was read
 */
export async function* streamHistory(
  paths: StatePaths,
  filter: HistoryFilter,
  onFault: (fault: HistoryFault) => void,
): AsyncGenerator<RunRecord> {
  const { outcomes } = filter;
  for await (const record of sortNewestFirst(allRecords(paths, filter, onFault))) {
    if (outcomes === undefined || outcomes.includes(record.outcome)) yield record;
  }
}

/** Reads the newest runs and skips of all hosts, newest end first. Stops reading at the limit. */
export async function readHistory(
  paths: StatePaths,
  { limit = Number.POSITIVE_INFINITY, ...filter }: HistoryFilter & { readonly limit?: number } = {},
): Promise<History> {
  const runs: RunRecord[] = [];
  const faults: HistoryFault[] = [];
  for await (const run of streamHistory(paths, filter, (fault) => faults.push(fault))) {
    runs.push(run);
    if (runs.length >= limit) break;
  }
  return { runs, faults };
}

/** Number of records among which the newest runs under a lock are found. */
const NEWEST = 1000;

/** The newest runs under a lock, older ones first. */
export async function readNewest(paths: StatePaths, { tap, target, dataDiff }: LockId): Promise<readonly RunRecord[]> {
  const { runs } = await readHistory(paths, { tap, target, limit: NEWEST });
  return runs.filter((run) => run.outcome !== "skipped" && isDataDiff(run.command) === dataDiff).reverse();
}
