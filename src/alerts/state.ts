import { dirname } from "node:path";
import { INCIDENT_KINDS, PING_KINDS, type PingKind } from "../alert-rules.ts";
import { instant, number, object, oneOf, record, string } from "../installed/decode-values.ts";
import { type EntryId, entryPath } from "../pipeline-id.ts";
import { ensureDirectory } from "../storage/directory.ts";
import { readStateFile, writeStateFile } from "../storage/file.ts";
import { renderInstant } from "../text/format-time.ts";
import { decodeEntry, decodeText } from "./decode.ts";
import { type AlertPlace, decodeEvent, readEvents } from "./event.ts";
import { alertStateFile } from "./places.ts";
import { type EntryIncidents, type Incident, type Incidents, STATE_OF } from "./process.ts";

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

function decodeIncident(value: unknown, at: string): Incident {
  const { kind, entry, since, last, sentAt } = object(value, at);
  return {
    kind: oneOf(kind, `${at}.kind`, INCIDENT_KINDS),
    entry: decodeEntry(entry, `${at}.entry`),
    since: instant(since, `${at}.since`),
    last: decodeEvent(last, `${at}.last`),
    sentAt: record(sentAt, `${at}.sentAt`, instant),
  };
}

const decodeIncidents = (value: unknown, at: string): EntryIncidents =>
  Object.fromEntries(
    Object.values(record(value, at, decodeIncident)).map((incident) => [STATE_OF[incident.kind], incident]),
  );

function decodeFault(value: unknown, at: string): ReceiverFault {
  const { reason, since } = object(value, at);
  return { reason: string(reason, `${at}.reason`), since: instant(since, `${at}.since`) };
}

function decodeState(value: unknown): AlertState {
  const { incidents, faults, dropped } = object(value, "state");
  return {
    incidents: record(incidents, "incidents", decodeIncidents),
    faults: record(faults, "faults", decodeFault),
    dropped: number(dropped, "dropped"),
  };
}

/** Reads the state. A garbled file is an empty state: an alert that is sent twice is better than none. */
export async function readAlertState({ paths, schedule }: AlertPlace): Promise<AlertState> {
  const text = await readStateFile(alertStateFile(paths, schedule));
  return (text === undefined ? undefined : decodeText(text, decodeState)) ?? EMPTY;
}

/** Whether the last end of an entry, as far as its alerts know it, was of this kind: the same end again is not sent. */
export async function isKnownEnd(place: AlertPlace, entry: EntryId, kind: PingKind): Promise<boolean> {
  const path = entryPath(entry);
  // Looks for events before it reads the state, because the sender removes them after it has written the state.
  const kinds = (await readEvents(place)).filter(({ event }) => entryPath(event.entry) === path);
  const waiting = kinds.map(({ event }) => event.kind).findLast((one) => ENDS.some((end) => end === one));
  return (waiting ?? (await readAlertState(place)).incidents[path]?.outcome?.kind) === kind;
}

const ENDS = PING_KINDS.filter((kind) => kind !== "started");

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
