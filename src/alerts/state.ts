import { dirname } from "node:path";
import { ensureDirectory } from "../storage/directory.ts";
import { readStateFile, writeStateFile } from "../storage/file.ts";
import { renderInstant } from "../text/format-time.ts";
import type { AlertPlace } from "./event.ts";
import { alertStateFile } from "./places.ts";
import type { Incidents } from "./process.ts";

/** A receiver that does not accept messages. */
export interface ReceiverFault {
  readonly reason: string;
  /** Time since which every attempt has failed, ISO 8601 UTC. */
  readonly since: string;
}

/** The state of a schedule's alerts. */
export interface AlertState {
  readonly incidents: Incidents;
  /** By `receiverKey`. */
  readonly faults: Readonly<Record<string, ReceiverFault>>;
  /** Number of messages that were removed because too many waited; 0 while no receiver fails. */
  readonly dropped: number;
}

const EMPTY: AlertState = { incidents: {}, faults: {}, dropped: 0 };

/** Reads the state. A garbled file is an empty state: an alert that is sent twice is better than none. */
export async function readAlertState({ paths, schedule }: AlertPlace): Promise<AlertState> {
  const text = await readStateFile(alertStateFile(paths, schedule));
  if (text === undefined) return EMPTY;
  try {
    // This program wrote the file; a garbled one does not parse.
    return { ...EMPTY, ...(JSON.parse(text) as Partial<AlertState>) };
  } catch (error) {
    if (error instanceof SyntaxError) return EMPTY;
    throw error;
  }
}

/** Writes the state. Only the alert lock's holder may call this. */
export async function writeAlertState({ paths, schedule }: AlertPlace, state: AlertState, uid: number): Promise<void> {
  const path = alertStateFile(paths, schedule);
  await ensureDirectory(paths, dirname(path), uid);
  await writeStateFile(path, `${JSON.stringify(state)}\n`);
}

/** Sentences for `status` about receivers that do not accept messages. */
export async function alertWarnings(place: AlertPlace): Promise<readonly string[]> {
  const { faults, dropped } = await readAlertState(place);
  const lost = dropped === 0 ? "" : ` ${dropped} of the oldest messages were removed, because too many waited.`;
  return Object.entries(faults).map(
    ([receiver, { reason, since }]) =>
      `alerts of schedule ${place.schedule} have not been sent to ${receiver} since ${renderInstant(since)}: ${reason}.${lost}`,
  );
}
