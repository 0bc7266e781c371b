import { setTimeout as sleep } from "node:timers/promises";
import { type AlertRule, receiverKey } from "../alert-rules.ts";
import { newRunId } from "../history/record.ts";
import type { Host } from "../host.ts";
import { alertRulesOf, pingRulesOf } from "../installed/decode-later.ts";
import type { StoredSchedule } from "../installed/schedule.ts";
import type { PipelineLocks } from "../lock/lock.ts";
import { pipelineLocks } from "../lock/pipeline-locks.ts";
import { removeStateFile } from "../storage/file.ts";
import type { StatePaths } from "../storage/paths.ts";
import { MINUTE_MS, SECOND_MS } from "../time-units.ts";
import { type AlertPlace, readEvents, shortHash } from "./event.ts";
import { type Queued, queueMessage, readQueue } from "./outbox.ts";
import { alertLockOf, type QueueName } from "./places.ts";
import { type Batch, hasReminderDue, processEvents } from "./process.ts";
import { deliver } from "./receivers/deliver.ts";
import type { Delivery } from "./receivers/delivery.ts";
import { renderMessage } from "./render.ts";
import { type AlertState, type ReceiverFault, readAlertState, writeAlertState } from "./state.ts";

/** The input of a process that sends alerts. */
export interface SendContext {
  readonly host: Host;
  readonly paths: StatePaths;
  readonly schedule: StoredSchedule;
  /** Zone of entries without a time zone. */
  readonly machineZone: string;
  /** Reads the references in the address of a receiver. */
  readonly resolve: (written: string) => Promise<string>;
  /** Reads which entries are paused or disabled, by `entryPath`. */
  readonly readOff: () => Promise<ReadonlySet<string>>;
  /** Stops collecting alerts. The events then wait for the next process. */
  readonly stop?: AbortSignal | undefined;
  /** Time after the first event during which other events join its message. Replaced by tests. */
  readonly collectMs?: number | undefined;
  /** Replaced by tests. */
  readonly limitMs?: number | undefined;
  /** Replaced by tests. */
  readonly locks?: PipelineLocks | undefined;
}

const placeOf = ({ paths, schedule }: SendContext): AlertPlace => ({ paths, schedule: schedule.name });
const rulesOf = ({ schedule }: SendContext): readonly AlertRule[] => alertRulesOf(schedule);
/** Time between two searches for new pings while alerts are collected. */
const PING_MS = SECOND_MS;

async function hasWork(context: SendContext): Promise<boolean> {
  const place = placeOf(context);
  if ((await readEvents(place)).length > 0) return true;
  if ((await readQueue(place, "outbox")).size > 0 || (await readQueue(place, "pings")).size > 0) return true;
  const { incidents } = await readAlertState(place);
  return hasReminderDue({ incidents, rules: rulesOf(context), off: await context.readOff(), now: context.host.now() });
}

/**
 * Sends the alerts of a schedule: collects events, turns them into one message for each receiver, and sends the messages.
 * During that minute, it sends pings. One process in the cluster does this at a time. A second process can end at once,
 * because the first one looks for new events and pings again after it has released the lock.
 */
export async function sendAlerts(context: SendContext): Promise<void> {
  const { host, paths, schedule, stop, locks = pipelineLocks() } = context;
  const isOver = (): boolean => stop?.aborted === true;
  // Receivers that did not accept a ping. The next process tries again.
  const failing = new Set<string>();
  for (let isNew = await hasWork(context); isNew && !isOver(); ) {
    const startedAt = host.now();
    const attempt = await locks.acquire(paths, alertLockOf(schedule.name), {
      host: host.name,
      pid: host.pid,
      uid: host.uid,
      runId: newRunId(startedAt),
      startedAt,
      limitations: [],
    });
    if (attempt.kind === "held") return;
    try {
      await collect(context, failing);
      if (isOver()) return;
      await queueAlerts(context);
      await sendQueued(context, "outbox");
    } finally {
      await attempt.lock.release();
    }
    // Only new events and pings matter here: a message that could not be sent waits for the next process.
    const pings = await readQueue(placeOf(context), "pings");
    isNew = (await readEvents(placeOf(context))).length > 0 || [...pings.keys()].some((key) => !failing.has(key));
  }
}

/** Waits until a minute after the first event. Sends the pings that arrive during that time. */
async function collect(context: SendContext, failing: Set<string>): Promise<void> {
  const { host, schedule, stop, collectMs = MINUTE_MS } = context;
  await sendQueued(context, "pings", failing);
  const events = await readEvents(placeOf(context));
  if (events.length === 0) return;
  const first = Math.min(...events.map(({ event }) => Date.parse(event.at)));
  const age = Math.max(0, host.now().getTime() - first);
  const everyMs = pingRulesOf(schedule).length === 0 ? collectMs : PING_MS;
  for (let left = collectMs - age; left > 0 && stop?.aborted !== true; left -= everyMs) {
    await sleep(Math.min(left, everyMs), undefined, { signal: stop }).catch((error) => {
      if (stop?.aborted !== true) throw error;
    });
    await sendQueued(context, "pings", failing);
  }
}

/** The same events get the same id, so a process that repeats the work of a killed one writes the same message. */
function messageId({ receiver, alerts }: Batch, now: Date): string {
  const [first] = alerts;
  const time = first?.isReminder === true ? newRunId(now, () => 0) : first?.last.id;
  return `${time}-${shortHash(receiverKey(receiver))}`;
}

/** Turns the events into messages. If the process is killed at any step, the next one repeats the work. */
async function queueAlerts(context: SendContext): Promise<void> {
  const { host, schedule, machineZone } = context;
  const place = placeOf(context);
  const now = host.now();
  const stored = await readEvents(place);
  const state = await readAlertState(place);
  const events = stored.map(({ event }) => event);
  const { entries } = schedule;
  const off = await context.readOff();
  const result = processEvents({ events, incidents: state.incidents, rules: rulesOf(context), entries, off, now });
  let { dropped } = state;
  for (const batch of result.batches) {
    const id = messageId(batch, now);
    const message = renderMessage(batch.alerts, { id, schedule: schedule.name, entries, machineZone, now });
    dropped += await queueMessage(place, { receiver: batch.receiver, message }, { uid: host.uid });
  }
  if (stored.length > 0 || result.batches.length > 0) {
    await writeAlertState(place, { ...state, incidents: result.incidents, dropped }, host.uid);
  }
  for (const { path } of stored) await removeStateFile(path);
}

/** Sends the messages of one receiver, in order, until one fails. @returns the reason if the last one failed */
async function sendTo(context: SendContext, queue: readonly Queued[]): Promise<string | undefined> {
  let refused: string | undefined;
  for (const { path, receiver, message } of queue) {
    const delivery: Delivery = await deliver(receiver, message, context);
    if (delivery.kind === "failed" && !delivery.isFinal) return delivery.reason;
    refused = delivery.kind === "failed" ? delivery.reason : undefined;
    await removeStateFile(path);
  }
  return refused;
}

/**
 * Sends the messages to all receivers at once, and notes which receivers fail.
 *
 * @param failing receivers to leave out; those that fail are added
 */
async function sendQueued(context: SendContext, name: QueueName, failing = new Set<string>()): Promise<void> {
  const { host } = context;
  const place = placeOf(context);
  const waiting = [...(await readQueue(place, name))].filter(([key]) => !failing.has(key));
  const rules = [...rulesOf(context), ...pingRulesOf(context.schedule)];
  const known = new Set(rules.map(({ receiver }) => receiverKey(receiver)));
  const state = await readAlertState(place);
  const faults: Record<string, ReceiverFault> = {};
  for (const [key, fault] of Object.entries(state.faults)) if (known.has(key)) faults[key] = fault;
  const sending = waiting.map(async ([key, queue]) => {
    // The schedule no longer has this receiver.
    if (!known.has(key)) return Promise.all(queue.map(({ path }) => removeStateFile(path)));
    const reason = await sendTo(context, queue);
    if (reason === undefined) delete faults[key];
    else {
      failing.add(key);
      faults[key] = { reason, since: faults[key]?.since ?? host.now().toISOString() };
    }
    return undefined;
  });
  await Promise.all(sending);
  const dropped = Object.keys(faults).length === 0 ? 0 : state.dropped;
  const after: AlertState = { ...state, faults, dropped };
  if (JSON.stringify(after) !== JSON.stringify(state)) await writeAlertState(place, after, host.uid);
}
