import {
  type AlertKind,
  type AlertRule,
  INCIDENT_KINDS,
  type IncidentKind,
  type Receiver,
  receiverKey,
  rulesFor,
} from "../alert-rules.ts";
import type { StoredEntry } from "../installed/schedule.ts";
import { type EntryId, entryPath } from "../pipeline-id.ts";
import type { AlertEvent } from "./event.ts";

/** An entry that does not succeed. Instants are ISO 8601 UTC. */
interface Incident {
  readonly kind: IncidentKind;
  readonly entry: EntryId;
  /** Start of the first run of the incident that did not succeed. */
  readonly since: string;
  /** The newest event of the incident. */
  readonly last: AlertEvent;
  /** The times of the last message about it to each receiver, by `receiverKey`. */
  readonly sentAt: Readonly<Record<string, string>>;
}

/** Open incidents, by `entryPath`. */
export type Incidents = Readonly<Record<string, Incident>>;

/** One alert: a part of a message. */
export interface Alert {
  readonly kind: AlertKind;
  readonly entry: EntryId;
  readonly since: string;
  readonly last: AlertEvent;
  /** Whether the same state was reported before. */
  readonly isReminder: boolean;
}

/** The alerts that one receiver gets at once. */
export interface Batch {
  readonly receiver: Receiver;
  readonly alerts: readonly Alert[];
}

interface ProcessInput {
  readonly events: readonly AlertEvent[];
  readonly incidents: Incidents;
  readonly rules: readonly AlertRule[];
  readonly entries: readonly StoredEntry[];
  readonly now: Date;
}

const wants = ({ when }: AlertRule, kind: AlertKind): boolean => when.includes(kind);

/** A rule with `recovered` reports the end of the kinds that it lists, or of every kind if it lists none. */
const wantsEnd = (rule: AlertRule, { kind }: Incident): boolean =>
  wants(rule, "recovered") && (wants(rule, kind) || !INCIDENT_KINDS.some((one) => wants(rule, one)));

/** Applies events, in order, to the open incidents, and finds the alerts for each receiver. */
export function processEvents({ events, incidents, rules, entries, now }: ProcessInput): {
  readonly incidents: Incidents;
  readonly batches: readonly Batch[];
} {
  const open = new Map(Object.entries(incidents));
  const installed = new Map(entries.map((entry) => [entryPath(entry), entry]));
  const batches = new Map<string, { readonly receiver: Receiver; readonly alerts: Alert[] }>();
  const rulesOf = (path: string): readonly AlertRule[] => {
    const entry = installed.get(path);
    return entry === undefined || entry.policies?.alerts === false ? [] : rulesFor(rules, entry);
  };
  /** Adds an alert for the receivers of some rules. @returns the time of this, by `receiverKey` */
  const send = (alert: Alert, to: readonly AlertRule[]): Record<string, string> => {
    const keys = new Map(to.map(({ receiver }) => [receiverKey(receiver), receiver]));
    for (const [key, receiver] of keys) {
      const batch = batches.get(key) ?? { receiver, alerts: [] };
      batches.set(key, batch);
      batch.alerts.push(alert);
    }
    return Object.fromEntries([...keys.keys()].map((key) => [key, now.toISOString()]));
  };
  for (const last of events) {
    const path = entryPath(last.entry);
    const before = open.get(path);
    // After a crash, the end of the same run may be stored again.
    if (before?.last.id === last.id) continue;
    const { kind, entry } = last;
    if (kind === "started" || kind === "succeeded") {
      const to = rulesOf(path).filter((rule) => wants(rule, kind));
      send({ kind, entry, since: last.run?.startedAt ?? last.at, last, isReminder: false }, to);
      if (kind === "started" || before === undefined) continue;
      open.delete(path);
      const alert = { kind: "recovered", entry: last.entry, since: before.since, last, isReminder: false } as const;
      send(
        alert,
        rulesOf(path).filter((rule) => wantsEnd(rule, before)),
      );
      continue;
    }
    const since = before?.since ?? last.run?.startedAt ?? last.at;
    const to = before?.kind === kind ? [] : rulesOf(path).filter((rule) => wants(rule, kind));
    const sentAt = { ...before?.sentAt, ...send({ kind, entry, since, last, isReminder: false }, to) };
    open.set(path, { kind, entry, since, last, sentAt });
  }
  for (const [path, incident] of open) {
    if (!installed.has(path)) {
      open.delete(path);
      continue;
    }
    const to = rulesOf(path).filter((rule) => isReminderDue(rule, incident, now));
    open.set(path, { ...incident, sentAt: { ...incident.sentAt, ...send({ ...incident, isReminder: true }, to) } });
  }
  return { incidents: Object.fromEntries(open), batches: [...batches.values()] };
}

function isReminderDue(rule: AlertRule, { kind, sentAt }: Incident, now: Date): boolean {
  const sent = sentAt[receiverKey(rule.receiver)];
  if (rule.remindMs === undefined || sent === undefined || !wants(rule, kind)) return false;
  return now.getTime() - Date.parse(sent) >= rule.remindMs;
}

/** Whether a reminder is due. Without one, a schedule that has no events and no messages is not processed. */
export const hasReminderDue = ({ incidents, rules, now }: Pick<ProcessInput, "incidents" | "rules" | "now">): boolean =>
  Object.values(incidents).some((incident) =>
    rulesFor(rules, incident.entry).some((rule) => isReminderDue(rule, incident, now)),
  );
