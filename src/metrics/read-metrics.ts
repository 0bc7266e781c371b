import { readPipelineState, runsEntry } from "../control/lock-state.ts";
import { nextDue, startsAfter } from "../control/next-due.ts";
import { SchedError } from "../errors.ts";
import { findFreshness } from "../history/freshness.ts";
import { readHistory } from "../history/read.ts";
import type { RunRecord } from "../history/record.ts";
import { entryOf } from "../history/store.ts";
import type { Host } from "../host.ts";
import type { StoredEntry, StoredSchedule } from "../installed/schedule.ts";
import type { LockHolder } from "../lock/lock.ts";
import { type EntryId, entryKey, entryLabel, lockOf, waiterLockOf } from "../pipeline-id.ts";
import { type QueuedStart, readQueue } from "../run/limits/read-queue.ts";
import { openPipelineStore } from "../run/pipeline-store.ts";
import { listPauses, type Pauses } from "../run/policies/pauses.ts";
import type { StatePaths } from "../storage/paths.ts";
import { readMachineZone } from "../system/time-zone.ts";
import { DAY_MS } from "../time-units.ts";
import { type EntryReading, toMetrics } from "./metrics.ts";
import { renderMetrics } from "./text-format.ts";

/** The metrics of some schedules. */
export interface ReadMetrics {
  /** In Prometheus's text format. */
  readonly text: string;
  /** One sentence for each entry whose state could not be read. The text has no series of these entries. */
  readonly faults: readonly string[];
}

interface MetricsPlace {
  readonly paths: StatePaths;
  readonly host: Host;
}

/** The values that all entries share, read once. */
interface Common extends MetricsPlace {
  readonly now: Date;
  readonly machineZone: string;
  readonly pauses: Pauses;
  readonly queue: ReadonlyMap<string, QueuedStart>;
}

/** A schedule whose metrics are read. */
interface MeasuredSchedule extends Pick<StoredSchedule, "name" | "entries"> {
  /** When this host installed it, ISO 8601 UTC; `undefined` if it did not. */
  readonly installedAt: string | undefined;
}

/**
 * Reads the metrics of schedules. Changes nothing. An entry whose state cannot be read does not stop the others.
 *
 * @throws StoreError if the history, the pauses or the queue cannot be read
 */
export async function readMetrics(
  schedules: readonly MeasuredSchedule[],
  { paths, host }: MetricsPlace,
): Promise<ReadMetrics> {
  const now = host.now();
  const since = new Date(now.getTime() - DAY_MS).toISOString();
  const common: Common = {
    paths,
    host,
    now,
    machineZone: readMachineZone(host.root).zone,
    pauses: await listPauses(paths, now),
    queue: await readQueue(paths),
  };
  const { runs: recent } = await readHistory(paths, { since });
  const faults: string[] = [];
  const all: EntryReading[] = [];
  const readings = [];
  for (const { name, entries, installedAt } of schedules) {
    let unreadable = 0;
    for (const entry of entries) {
      try {
        all.push(await readEntry(entry, installedAt, common));
      } catch (error) {
        if (!(error instanceof SchedError)) throw error;
        unreadable++;
        faults.push(`${entryLabel(entry)}: ${error.message}`);
      }
    }
    readings.push({ name, unreadable });
  }
  return {
    text: renderMetrics(toMetrics({ version: host.version, schedules: readings, entries: all, recent })),
    faults,
  };
}

async function readEntry(
  entry: StoredEntry,
  installedAt: string | undefined,
  { paths, host, now, machineZone, pauses, queue }: Common,
): Promise<EntryReading> {
  const lock = lockOf(entry);
  const store = openPipelineStore(lock, { paths, host });
  const waiter = openPipelineStore(waiterLockOf(lock), { paths, host });
  const { running, waiting, last } = await readPipelineState({ store, waiter }, host);
  const isOwn = (run: LockHolder | undefined): run is LockHolder => run !== undefined && runsEntry(run, entry);
  const holdsLock = isOwn(running);
  const waitsForPlace = holdsLock && queue.has(running.runId);
  const lastRun = last.runs.get(entryKey(entry));
  const after = startsAfter(entry, pauses, now);
  return {
    entry,
    lastRun,
    succeededAt: await findSuccess(entry, lastRun, paths),
    lateMs: (await findFreshness(entry, { paths, last, installedAt, now }))?.lateMs,
    isRunning: holdsLock && !waitsForPlace,
    isQueued: waitsForPlace || isOwn(waiting),
    nextDue: after && nextDue(entry, { after, machineZone }),
  };
}

/** The newest success is searched for in this many of the pipeline's newest records. */
const NEWEST = 1000;

async function findSuccess(
  entry: EntryId,
  lastRun: RunRecord | undefined,
  paths: StatePaths,
): Promise<Date | undefined> {
  if (lastRun === undefined) return undefined;
  if (lastRun.outcome === "succeeded") return new Date(lastRun.endedAt);
  const { runs } = await readHistory(paths, { tap: entry.tap, target: entry.target, limit: NEWEST });
  const found = runs.find((run) => run.outcome === "succeeded" && entryKey(entryOf(run)) === entryKey(entry));
  return found && new Date(found.endedAt);
}
