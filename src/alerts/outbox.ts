import { ALERT_KINDS, type Receiver, receiverKey } from "../alert-rules.ts";
import { decodeReceiver } from "../installed/decode-later.ts";
import { GarbledError, instant, list, number, object, oneOf, string } from "../installed/decode-values.ts";
import { ensureDirectory } from "../storage/directory.ts";
import { readStateFile, removeStateFile, writeStateFile } from "../storage/file.ts";
import { decodeText, orNull } from "./decode.ts";
import { type AlertPlace, listNames } from "./event.ts";
import { alertQueueDir, type QueueName } from "./places.ts";
import type { AlertMessage, RenderedAlert } from "./render.ts";

/** A message that waits to be sent. */
export interface Queued {
  readonly path: string;
  /** The address in it is a reference, not the secret itself. */
  readonly receiver: Receiver;
  readonly message: AlertMessage;
}

/** Most messages that may wait. The oldest ones above this number are removed. */
const MOST = 1_000;

/** Adds a message. Its id begins with the time, so files sort by time. @returns number of messages that were removed */
export async function queueMessage(
  { paths, schedule }: AlertPlace,
  { receiver, message }: Omit<Queued, "path">,
  { uid, queue = "outbox", most = MOST }: { readonly uid: number; readonly queue?: QueueName; readonly most?: number },
): Promise<number> {
  const directory = alertQueueDir(paths, schedule, queue);
  await ensureDirectory(paths, directory, uid);
  await writeStateFile(`${directory}/${message.id}.json`, `${JSON.stringify({ receiver, message })}\n`);
  const names = await listNames(directory);
  const old = names.slice(0, Math.max(0, names.length - most));
  for (const name of old) await removeStateFile(`${directory}/${name}`);
  return old.length;
}

function decodeRenderedRun(value: unknown, at: string): NonNullable<RenderedAlert["run"]> {
  const { id, host, startedAt, endedAt, exitCode, log } = object(value, at);
  return {
    id: string(id, `${at}.id`),
    host: string(host, `${at}.host`),
    startedAt: instant(startedAt, `${at}.startedAt`),
    endedAt: orNull(endedAt, `${at}.endedAt`, instant),
    exitCode: orNull(exitCode, `${at}.exitCode`, number),
    log: orNull(log, `${at}.log`, string),
  };
}

function decodeAlert(value: unknown, at: string): RenderedAlert {
  const alert = object(value, at);
  return {
    kind: oneOf(alert["kind"], `${at}.kind`, ALERT_KINDS),
    tap: string(alert["tap"], `${at}.tap`),
    target: string(alert["target"], `${at}.target`),
    command: string(alert["command"], `${at}.command`),
    entry: orNull(alert["entry"], `${at}.entry`, string),
    since: instant(alert["since"], `${at}.since`),
    reminder: alert["reminder"] === true,
    run: orNull(alert["run"], `${at}.run`, decodeRenderedRun),
    detail: orNull(alert["detail"], `${at}.detail`, string),
    lastLines: list(alert["lastLines"], `${at}.lastLines`, string),
    nextRunAt: orNull(alert["nextRunAt"], `${at}.nextRunAt`, instant),
  };
}

function decodeMessage(value: unknown, at: string): AlertMessage {
  const { version, id, schedule, alerts } = object(value, at);
  if (version !== 1) throw new GarbledError(`${at}.version is not 1`);
  return {
    version,
    id: string(id, `${at}.id`),
    schedule: string(schedule, `${at}.schedule`),
    test: false, // `alerts test` queues nothing.
    alerts: list(alerts, `${at}.alerts`, decodeAlert),
  };
}

function decodeQueued(value: unknown): Omit<Queued, "path"> {
  const { receiver, message } = object(value, "file");
  return { receiver: decodeReceiver(receiver, "receiver"), message: decodeMessage(message, "message") };
}

/** The messages, the oldest first, by receiver. A garbled file is removed. */
export async function readQueue(
  { paths, schedule }: AlertPlace,
  queue: QueueName,
): Promise<ReadonlyMap<string, readonly Queued[]>> {
  const directory = alertQueueDir(paths, schedule, queue);
  const found = new Map<string, Queued[]>();
  for (const name of await listNames(directory)) {
    const path = `${directory}/${name}`;
    const text = await readStateFile(path);
    if (text === undefined) continue;
    const queued = decodeText(text, decodeQueued);
    if (queued === undefined) {
      await removeStateFile(path);
      continue;
    }
    const key = receiverKey(queued.receiver);
    found.set(key, [...(found.get(key) ?? []), { path, ...queued }]);
  }
  return found;
}
