import { entryPath, lockLabel, lockOf } from "../pipeline-id.ts";
import type { StatePaths } from "../storage/paths.ts";
import { monthsBackward, type RecordBatches } from "./read.ts";
import type { OutcomeKind, RunRecord } from "./record.ts";
import { entryOf } from "./store.ts";

/** Number of outcomes of each entry. */
export const RECENT = 20;
/** Number of records among which they are found, so that a history of any size is read quickly. */
const NEWEST = 1_000;

/** The last outcomes, the oldest first. Skips that follow one another count as one. */
export interface RecentOutcomes {
  /** By `entryPath`. */
  readonly ofEntry: ReadonlyMap<string, readonly OutcomeKind[]>;
  /** Of all entries of a lock, by `lockLabel`. */
  readonly ofLock: ReadonlyMap<string, readonly OutcomeKind[]>;
}

export const NO_OUTCOMES: RecentOutcomes = { ofEntry: new Map(), ofLock: new Map() };

/** Adds an older outcome in front. */
function addOlder(outcomes: Map<string, OutcomeKind[]>, key: string, outcome: OutcomeKind): void {
  const known = outcomes.get(key);
  if (known === undefined) outcomes.set(key, [outcome]);
  else if (known.length < RECENT && !(outcome === "skipped" && known[0] === "skipped")) known.unshift(outcome);
}

/** One host's month, and how far back it has been read. */
interface Part {
  readonly batches: RecordBatches;
  /** The end of the last record that was read. */
  oldest: string;
}

/** Reads a batch of the part that has been read back least. @returns `undefined` if all parts have been read */
async function readBatch(parts: Set<Part>): Promise<readonly RunRecord[] | undefined> {
  const [part] = [...parts].sort((one, other) => (one.oldest < other.oldest ? 1 : -1));
  if (part === undefined) return undefined;
  const { value, done } = await part.batches.next();
  if (done === true) {
    parts.delete(part);
    return [];
  }
  // The record of a lost run is written after its end, so it says nothing about the place that has been reached.
  part.oldest = value.findLast(({ outcome }) => outcome !== "lost")?.endedAt ?? part.oldest;
  return value;
}

/** The newest records of all hosts, the newest end first. It reads whole batches, which is much faster than one by one. */
async function readNewestRecords(paths: StatePaths): Promise<readonly RunRecord[]> {
  const byId = new Map<string, RunRecord>();
  let known = "";
  for await (const month of monthsBackward(paths)) {
    const parts = new Set(month.map((batches): Part => ({ batches, oldest: "9" })));
    for (let batch: readonly RunRecord[] | undefined = []; batch !== undefined && byId.size < NEWEST; ) {
      batch = await readBatch(parts);
      // A run that was also recorded as lost has its own record.
      for (const record of batch ?? [])
        if (record.outcome !== "lost" || !byId.has(record.id)) byId.set(record.id, record);
    }
    // Before this instant, a part that was not read to its end may have more records.
    for (const { batches, oldest } of parts) {
      if (oldest > known) known = oldest;
      await batches.return(undefined);
    }
    if (byId.size >= NEWEST) break;
  }
  return [...byId.values()]
    .filter(({ endedAt }) => endedAt >= known)
    .sort((one, other) => (one.endedAt < other.endedAt ? 1 : -1));
}

/**
 * Reads the last outcomes of all entries. An entry whose runs are rare may have fewer. Garbled lines are left out:
 * `history` reports them.
 *
 * @throws StoreError if the history cannot be read
 */
export async function readRecentOutcomes(paths: StatePaths): Promise<RecentOutcomes> {
  const ofEntry = new Map<string, OutcomeKind[]>();
  const ofLock = new Map<string, OutcomeKind[]>();
  for (const record of await readNewestRecords(paths)) {
    addOlder(ofEntry, entryPath(entryOf(record)), record.outcome);
    addOlder(ofLock, lockLabel(lockOf(entryOf(record))), record.outcome);
  }
  return { ofEntry, ofLock };
}
