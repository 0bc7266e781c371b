import { type Receiver, receiverKey } from "../alert-rules.ts";
import { ensureDirectory } from "../storage/directory.ts";
import { readStateFile, removeStateFile, writeStateFile } from "../storage/file.ts";
import { type AlertPlace, listNames } from "./event.ts";
import { alertQueueDir, type QueueName } from "./places.ts";
import type { AlertMessage } from "./render.ts";

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
    const queued = parseQueued(text);
    if (queued === undefined) {
      await removeStateFile(path);
      continue;
    }
    const key = receiverKey(queued.receiver);
    found.set(key, [...(found.get(key) ?? []), { path, ...queued }]);
  }
  return found;
}

function parseQueued(text: string): Omit<Queued, "path"> | undefined {
  try {
    const value: Partial<Queued> | null = JSON.parse(text);
    // This program wrote the file; a garbled one does not parse.
    return value?.receiver === undefined || value.message === undefined ? undefined : (value as Queued);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
