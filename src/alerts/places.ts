import { join } from "node:path";
import { type EntryId, entryPath, type LockId } from "../pipeline-id.ts";
import type { StatePaths } from "../storage/paths.ts";

/** The lock that lets one process at a time send the alerts of a schedule. */
export const alertLockOf = (schedule: string): LockId => ({ tap: schedule, target: ".alerts", dataDiff: false });

/** `alerts/<schedule>/`: the events, states and messages of a schedule's alerts. */
const alertsDir = (paths: StatePaths, schedule: string): string => join(paths.root, "alerts", schedule);

/** Ends of runs and other events that are not yet processed: one file each. */
export const alertEventsDir = (paths: StatePaths, schedule: string): string =>
  join(alertsDir(paths, schedule), "events");

/** A queue of messages: of alerts, which are collected, or of pings, each of which is sent at once. */
export type QueueName = "outbox" | "pings";

/** Messages that are not yet sent: one file each. */
export const alertQueueDir = (paths: StatePaths, schedule: string, queue: QueueName): string =>
  join(alertsDir(paths, schedule), queue);

/** The slots of an entry that were skipped in a row: one line each. */
export const alertSkipsFile = (paths: StatePaths, schedule: string, entry: EntryId): string =>
  join(alertsDir(paths, schedule), "skips", entryPath(entry));

/** The entries that have an open incident, and the receivers that fail. Only the alert lock's holder writes it. */
export const alertStateFile = (paths: StatePaths, schedule: string): string =>
  join(alertsDir(paths, schedule), "state.json");
