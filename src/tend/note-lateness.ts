import { isWanted } from "../alert-rules.ts";
import { type AlertEvent, eventId, readEvents, writeEvent } from "../alerts/event.ts";
import type { EntryIncidents } from "../alerts/process.ts";
import { readAlertState } from "../alerts/state.ts";
import { isOverdue, readPipelineState, runsEntry } from "../control/lock-state.ts";
import { isOff } from "../control/paused-entries.ts";
import { SchedError, StoreError } from "../errors.ts";
import { findFreshness } from "../history/freshness.ts";
import { alertRulesOf } from "../installed/decode-later.ts";
import type { StoredEntry } from "../installed/schedule.ts";
import { type EntryId, entryLabel, entryPath, lockOf, waiterLockOf } from "../pipeline-id.ts";
import { readQueue } from "../run/limits/read-queue.ts";
import { openPipelineStore } from "../run/pipeline-store.ts";
import { renderDuration, renderInstant } from "../text/format-time.ts";
import type { TendContext } from "./part.ts";

const idOf = ({ tap, target, command, id }: StoredEntry): EntryId => ({ tap, target, command, id });

async function hasSuccessEvent({ paths, schedule }: TendContext, entry: EntryId): Promise<boolean> {
  const events = await readEvents({ paths, schedule: schedule.name });
  return events.some(({ event }) => event.kind === "succeeded" && entryPath(event.entry) === entryPath(entry));
}

/** The event of an entry that has become late, or is no longer late; `undefined` if neither is new. */
async function findLateness(
  context: TendContext,
  stored: StoredEntry,
  { late }: EntryIncidents,
): Promise<AlertEvent | undefined> {
  const { paths, host, install } = context;
  const { freshWithinMs } = stored.policies ?? {};
  if (freshWithinMs === undefined) return undefined;
  const now = host.now();
  const last = await openPipelineStore(lockOf(stored), { paths, host }).lastRun.read();
  const found = await findFreshness(stored, { paths, last, installedAt: install.installedAt, now });
  const isKnown = late !== undefined;
  if (found === undefined || found.lateMs > 0 === isKnown) return undefined;
  const { lateMs, succeededAt } = found;
  const entry = idOf(stored);
  if (lateMs === 0) {
    // A success of our own stores its event before its record, and that event ends all incidents of the entry.
    if (await hasSuccessEvent(context, entry)) return undefined;
    const at = succeededAt ?? now;
    return { id: eventId(at, "fresh", entry), kind: "fresh", entry, at: at.toISOString(), lastLines: [] };
  }
  if (await isOff(context, stored)) return undefined;
  const at = new Date(now.getTime() - lateMs);
  const success =
    succeededAt === undefined ? "it has never succeeded" : `it last succeeded at ${renderInstant(succeededAt)}`;
  const detail = `${success}, and must succeed within ${renderDuration(freshWithinMs)}`;
  return { id: eventId(at, "late", entry), kind: "late", entry, at: at.toISOString(), detail, lastLines: [] };
}

/** The event of an entry whose run has become overdue; `undefined` if that is not so, or not new. */
async function findOverdue(
  { paths, host }: TendContext,
  stored: StoredEntry,
  { overdue }: EntryIncidents,
): Promise<AlertEvent | undefined> {
  const { policies } = stored;
  const limitMs = policies?.runningLongerThanMs;
  if (limitMs === undefined || overdue !== undefined) return undefined;
  const lock = lockOf(stored);
  const store = openPipelineStore(lock, { paths, host });
  const waiter = openPipelineStore(waiterLockOf(lock), { paths, host });
  const { running } = await readPipelineState({ store, waiter }, host);
  if (running === undefined || !runsEntry(running, stored)) return undefined;
  const { runId, startedAt } = running;
  // The queue is read only for a run that may be overdue.
  if (!isOverdue(running, policies, host.now()) || (await readQueue(paths)).has(runId)) return undefined;
  const at = new Date(startedAt.getTime() + limitMs);
  const entry = idOf(stored);
  return {
    id: eventId(at, "overdue", entry),
    kind: "overdue",
    entry,
    at: at.toISOString(),
    run: { id: runId, host: running.host, startedAt: startedAt.toISOString() },
    detail: `it has been running since ${renderInstant(startedAt)}, for longer than ${renderDuration(limitMs)}`,
    lastLines: [],
  };
}

const CHECKS = [
  { kind: "late", find: findLateness },
  { kind: "overdue", find: findOverdue },
] as const;

/**
 * Stores an event for each entry that has become late or overdue since the last time, and for each that is no longer
 * late. The next part sends them. To store an event twice does no harm.
 *
 * @throws StoreError if some entries cannot be checked
 */
export async function noteLateness(context: TendContext): Promise<void> {
  const { paths, schedule, host } = context;
  const place = { paths, schedule: schedule.name };
  const rules = alertRulesOf(schedule);
  const { incidents } = await readAlertState(place);
  const faults: string[] = [];
  for (const entry of schedule.entries) {
    const known = incidents[entryPath(entry)] ?? {};
    for (const { kind, find } of CHECKS) {
      if (entry.policies?.alerts === false || !isWanted(rules, entry, kind)) continue;
      try {
        const event = await find(context, entry, known);
        if (event !== undefined) await writeEvent(place, event, host.uid);
      } catch (error) {
        if (!(error instanceof SchedError)) throw error;
        faults.push(`cannot check whether ${entryLabel(entry)} is ${kind}: ${error.message}`);
      }
    }
  }
  if (faults.length > 0) throw new StoreError(faults.join("; "));
}
