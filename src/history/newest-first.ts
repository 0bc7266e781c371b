import { HOUR_MS } from "../time-units.ts";
import { type RunRecord, startOfRun } from "./record.ts";

/** Records of one file, last line first, in batches. */
type RecordSource = AsyncGenerator<readonly RunRecord[]>;

interface Head {
  readonly source: RecordSource;
  batch: readonly RunRecord[];
  /** Index of the next record of the batch. */
  next: number;
}

/** Reads the next batch if the last one has been used. @returns whether the source has another record */
async function refill(head: Head): Promise<boolean> {
  while (head.next >= head.batch.length) {
    const { value, done } = await head.source.next();
    if (done === true) return false;
    head.batch = value;
    head.next = 0;
  }
  return true;
}

/**
 * The head with the newest record. A lost run is taken first: it was recorded later than it ended, so its end does not
 * show how far its file has been read.
 */
function newestOf(heads: readonly Head[]): { readonly head: Head; readonly record: RunRecord } | undefined {
  let newest: { readonly head: Head; readonly record: RunRecord } | undefined;
  for (const head of heads) {
    const record = head.batch[head.next];
    if (record === undefined) continue;
    if (record.outcome === "lost") return { head, record };
    if (newest === undefined || record.endedAt > newest.record.endedAt) newest = { head, record };
  }
  return newest;
}

/** Merges files that are each read from their end. The result is as far out of order as each file is. */
export async function* mergeFiles(sources: readonly RecordSource[]): AsyncGenerator<RunRecord> {
  const heads: Head[] = sources.map((source) => ({ source, batch: [], next: 0 }));
  try {
    for (const head of heads) await refill(head);
    for (let found = newestOf(heads); found !== undefined; found = newestOf(heads)) {
      yield found.record;
      found.head.next += 1;
      await refill(found.head);
    }
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}

/** Number of records that are held so that they can be sorted. Runs that end at the same time are written in any order. */
const HELD = 256;
/** After this many records, ids that cannot occur again are forgotten. */
const FORGET_EVERY = 1_000;

/**
 * Sorts records that are almost sorted, the newest end first, and leaves out the second record of a run.
 *
 * A lost run is recorded after it ended, sometimes days later, so its record comes too early. It is held until its time.
 * A run whose lock another process took away has two records: that process records it as lost, and the run records itself
 * when it notices the loss. The run's own record counts.
 */
export async function* sortNewestFirst(records: AsyncIterable<RunRecord>): AsyncGenerator<RunRecord> {
  /** The newest first. */
  const held: RunRecord[] = [];
  const heldById = new Map<string, RunRecord>();
  /** Ids of the yielded records. */
  const yielded = new Set<string>();
  let lost = 0;
  let count = 0;

  const drop = (record: RunRecord): void => {
    heldById.delete(record.id);
    if (record.outcome === "lost") lost -= 1;
  };
  const hold = (record: RunRecord): void => {
    if (yielded.has(record.id)) return;
    const twin = heldById.get(record.id);
    if (twin !== undefined) {
      if (twin.outcome !== "lost") return;
      held.splice(held.indexOf(twin), 1);
      drop(twin);
    }
    let index = held.length;
    while (index > 0 && (held[index - 1]?.endedAt ?? "") < record.endedAt) index -= 1;
    if (index === held.length) held.push(record);
    else held.splice(index, 0, record);
    heldById.set(record.id, record);
    if (record.outcome === "lost") lost += 1;
  };
  /** Takes the newest record out. */
  const release = (record: RunRecord): RunRecord => {
    held.shift();
    drop(record);
    yielded.add(record.id);
    count += 1;
    if (count % FORGET_EVERY === 0) forgetLater(yielded, record.endedAt);
    return record;
  };

  for await (const record of records) {
    hold(record);
    for (let [first] = held; first !== undefined && held.length - lost > HELD; [first] = held) yield release(first);
  }
  for (let [first] = held; first !== undefined; [first] = held) yield release(first);
}

/** Forgets the runs that started after this instant: a record that comes later ended before they started. */
function forgetLater(ids: Set<string>, endedAt: string): void {
  // The clocks of hosts differ.
  const latest = Date.parse(endedAt) + HOUR_MS;
  for (const id of ids) if (startOfRun(id).getTime() > latest) ids.delete(id);
}
