import type { RunRecord } from "../../history/record.ts";
import { entryOf } from "../../history/store.ts";
import { entryPath } from "../../pipeline-id.ts";

/** A line of the history: one record, or several skips of one entry for one reason with no run of it between them. */
export interface HistoryRow {
  /** The newest of its records. */
  readonly record: RunRecord;
  readonly count: number;
  /** The first and the last time of the skips: when they were due, or when they started. ISO 8601 UTC. */
  readonly from: string;
  readonly to: string;
  readonly hosts: ReadonlySet<string>;
}

const timeOf = ({ slot, startedAt }: RunRecord): string => slot ?? startedAt;

const rowOf = (record: RunRecord): HistoryRow => ({
  record,
  count: 1,
  from: timeOf(record),
  to: timeOf(record),
  hosts: new Set([record.host]),
});

const isSkip = ({ outcome }: RunRecord): boolean => outcome === "skipped";

function addSkip({ record, count, from, to, hosts }: HistoryRow, skip: RunRecord): HistoryRow {
  const at = timeOf(skip);
  return {
    record,
    count: count + 1,
    from: at < from ? at : from,
    to: at > to ? at : to,
    hosts: hosts.has(skip.host) ? hosts : new Set([...hosts, skip.host]),
  };
}

/** Number of rows in memory. No row has records of two batches. */
const BATCH = 1_000;

interface FoldOptions {
  /** Number of rows. */
  readonly limit: number;
  /** Whether each skip has its own row. */
  readonly unfold: boolean;
}

/**
 * Folds records into rows, in batches. It reads until a record would begin one row too many, so the last skips of a row
 * may be older than the last row.
 *
 * @param records newest first
 */
export async function* foldRows(
  records: AsyncIterable<RunRecord>,
  { limit, unfold }: FoldOptions,
): AsyncGenerator<readonly HistoryRow[]> {
  let rows: HistoryRow[] = [];
  /** Indexes of the rows to which older skips of an entry can be added, by reason: those since its last run. */
  let open = new Map<string, Map<string | undefined, number>>();
  let begun = 0;
  for await (const record of records) {
    const key = entryPath(entryOf(record));
    const index = (isSkip(record) ? open.get(key)?.get(record.reason) : undefined) ?? -1;
    const row = rows[index];
    if (!unfold && row !== undefined) {
      rows[index] = addSkip(row, record);
      continue;
    }
    if (begun === limit) break;
    if (rows.length === BATCH) {
      yield rows;
      rows = [];
      open = new Map();
    }
    begun += 1;
    const added = rows.push(rowOf(record)) - 1;
    if (!isSkip(record)) open.delete(key);
    else open.set(key, (open.get(key) ?? new Map<string | undefined, number>()).set(record.reason, added));
  }
  if (rows.length > 0) yield rows;
}
