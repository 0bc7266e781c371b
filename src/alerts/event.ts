import { ALERT_KINDS, type AlertKind } from "../alert-rules.ts";
import { errorCode } from "../errors.ts";
import { newRunId } from "../history/record.ts";
import { instant, list, object, oneOf, optional, optionalNumber, string } from "../installed/decode-values.ts";
import { type EntryId, entryPath } from "../pipeline-id.ts";
import { ensureDirectory } from "../storage/directory.ts";
import { readStateFile, removeStateFile, writeStateFile } from "../storage/file.ts";
import { readdir } from "../storage/fs.ts";
import type { StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { decodeEntry, decodeText, optionalInstant } from "./decode.ts";
import { alertEventsDir, alertStateFile } from "./places.ts";

/** A run of an event. Instants are ISO 8601 UTC. */
export interface EventRun {
  readonly id: string;
  readonly host: string;
  readonly startedAt: string;
  /** Absent while it is running. */
  readonly endedAt?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly log?: string | undefined;
}

/** Something that happened to an entry, for its alerts. */
export interface AlertEvent {
  /** Unique. It names the file of the event, so an event that is stored twice has one file. It begins with a time. */
  readonly id: string;
  /** `fresh`: the entry is no longer late, because somebody ran it without this program. */
  readonly kind: Exclude<AlertKind, "recovered"> | "fresh";
  readonly entry: EntryId;
  /** When it happened, ISO 8601 UTC. */
  readonly at: string;
  /** When the state began, ISO 8601 UTC. Absent: with the run, or with the event. */
  readonly since?: string | undefined;
  /** For `skipped`: the number of starts skipped in a row. */
  readonly skips?: number | undefined;
  /** Absent if the event is not about one run. */
  readonly run?: EventRun | undefined;
  readonly detail?: string | undefined;
  /** The end of the output, secrets masked. */
  readonly lastLines: readonly string[];
}

/** An event that is not yet processed. */
export interface StoredEvent {
  readonly path: string;
  readonly event: AlertEvent;
}

/** A schedule, and where its state is. */
export interface AlertPlace {
  readonly paths: StatePaths;
  readonly schedule: string;
}

/** The names of the `.json` files in a directory, sorted; none if the directory does not exist. */
export async function listNames(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => name.endsWith(".json")).sort();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw ioError("read", directory, error);
  }
}

/** FNV-1a, 8 hexadecimal digits. */
export function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** The id of an event that is not the start or the end of a run. It is the same whenever the event is found. */
export const eventId = (at: Date, kind: AlertEvent["kind"], entry: EntryId): string =>
  `${newRunId(at, () => 0)}-${kind}-${shortHash(entryPath(entry))}`;

/** Stores an event. */
export async function writeEvent({ paths, schedule }: AlertPlace, event: AlertEvent, uid: number): Promise<void> {
  const directory = alertEventsDir(paths, schedule);
  await ensureDirectory(paths, directory, uid);
  await writeStateFile(`${directory}/${event.id}.json`, `${JSON.stringify(event)}\n`);
}

function decodeRun(value: unknown, at: string): EventRun {
  const { id, host, startedAt, endedAt, exitCode, log } = object(value, at);
  return {
    id: string(id, `${at}.id`),
    host: string(host, `${at}.host`),
    startedAt: instant(startedAt, `${at}.startedAt`),
    endedAt: optionalInstant(endedAt, `${at}.endedAt`),
    exitCode: optionalNumber(exitCode, `${at}.exitCode`),
    log: optional(log, `${at}.log`),
  };
}

/** Decodes an event. */
export function decodeEvent(value: unknown, at = "event"): AlertEvent {
  const { id, kind, entry, at: time, since, skips, run, detail, lastLines } = object(value, at);
  return {
    id: string(id, `${at}.id`),
    kind: oneOf(kind, `${at}.kind`, [...ALERT_KINDS.filter((one) => one !== "recovered"), "fresh"]),
    entry: decodeEntry(entry, `${at}.entry`),
    at: instant(time, `${at}.at`),
    since: optionalInstant(since, `${at}.since`),
    skips: optionalNumber(skips, `${at}.skips`),
    run: run === undefined ? undefined : decodeRun(run, `${at}.run`),
    detail: optional(detail, `${at}.detail`),
    lastLines: list(lastLines, `${at}.lastLines`, string),
  };
}

/** Reads the events, in the order in which they happened. Removes a file that a power failure garbled. */
export async function readEvents({ paths, schedule }: AlertPlace): Promise<readonly StoredEvent[]> {
  const directory = alertEventsDir(paths, schedule);
  const events: StoredEvent[] = [];
  for (const name of await listNames(directory)) {
    const path = `${directory}/${name}`;
    const text = await readStateFile(path);
    const event = text === undefined ? undefined : decodeText(text, decodeEvent);
    if (event !== undefined) events.push({ path, event });
    else if (text !== undefined) await removeStateFile(path);
  }
  return events.sort((one, other) => Date.parse(one.event.at) - Date.parse(other.event.at));
}

/**
 * Whether the success of an entry may end an incident: the entry has an open one, or the schedule has events that are
 * not yet processed. Other successes are not stored, so a schedule whose pipelines all succeed stores no events.
 */
export async function mayRecover({ paths, schedule }: AlertPlace, path: string): Promise<boolean> {
  // Looks for events before it reads the state, because the sender removes them after it has written the state.
  if ((await listNames(alertEventsDir(paths, schedule))).length > 0) return true;
  return (await readStateFile(alertStateFile(paths, schedule)))?.includes(JSON.stringify(path)) ?? false;
}
