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

/** The states of an entry in which something is wrong. Each has at most one incident. */
export const STATE_OF = {
  failed: "outcome",
  "timed-out": "outcome",
  lost: "outcome",
  late: "late",
  overdue: "overdue",
  skipped: "skipped",
} as const satisfies Record<IncidentKind, string>;
type StateName = (typeof STATE_OF)[IncidentKind];

/** A state of an entry in which something is wrong. Instants are ISO 8601 UTC. */
export interface Incident {
  readonly kind: IncidentKind;
  readonly entry: EntryId;
  /** When it began. */
  readonly since: string;
  /** The newest event of the incident. */
  readonly last: AlertEvent;
  /** The times of the last message about it to each receiver, by `receiverKey`. */
  readonly sentAt: Readonly<Record<string, string>>;
}

/** The incidents of an entry, by state. */
export type EntryIncidents = Readonly<Partial<Record<StateName, Incident>>>;

/** Open incidents, by `entryPath`. */
export type Incidents = Readonly<Record<string, EntryIncidents>>;

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
  /** The entries that are paused or disabled, by `entryPath`. They get no reminders. */
  readonly off: ReadonlySet<string>;
  readonly now: Date;
}

/** Whether a rule asks for an event. For `skipped`, enough starts must have been skipped. */
const wants = ({ when, skips = 0 }: AlertRule, event: AlertEvent): boolean =>
  when.some((one) => one === event.kind) && (event.kind !== "skipped" || (event.skips ?? 0) >= skips);

/** A rule with `recovered` reports the end of the kinds that it lists, or of every kind if it lists none. */
const wantsEnd = (rule: AlertRule, { last }: Incident): boolean =>
  rule.when.includes("recovered") &&
  (wants(rule, last) || !rule.when.some((one) => INCIDENT_KINDS.some((kind) => kind === one)));

const inOrder = (incidents: EntryIncidents): readonly Incident[] =>
  Object.values(incidents).toSorted((one, other) => Date.parse(one.since) - Date.parse(other.since));

/** The incidents of an entry without those that an event ends. */
function withoutEnded(incidents: EntryIncidents, { kind }: AlertEvent): EntryIncidents {
  if (kind === "succeeded") return {};
  if (kind !== "fresh") return incidents;
  const { late: _ended, ...others } = incidents;
  return others;
}

/** Adds an alert for the receivers of the rules that it is for. @returns its time, by `receiverKey` */
type Send = (alert: Alert, isFor: (rule: AlertRule) => boolean) => Readonly<Record<string, string>>;

/** Applies an event to the incidents of its entry. */
function applyEvent(incidents: EntryIncidents, last: AlertEvent, send: Send): EntryIncidents {
  const { kind, entry } = last;
  const begun = last.since ?? last.run?.startedAt ?? last.at;
  if (kind === "started" || kind === "succeeded") {
    send({ kind, entry, since: begun, last, isReminder: false }, (rule) => wants(rule, last));
  }
  const kept = withoutEnded(incidents, last);
  const ended = inOrder(incidents).filter((incident) => kept[STATE_OF[incident.kind]] === undefined);
  const [first] = ended;
  if (first !== undefined) {
    const alert = { kind: "recovered", entry, since: first.since, last, isReminder: false } as const;
    send(alert, (rule) => ended.some((incident) => wantsEnd(rule, incident)));
  }
  if (kind === "started" || kind === "succeeded" || kind === "fresh") return kept;
  const before = kept[STATE_OF[kind]];
  const since = before?.since ?? begun;
  const isKnown = (rule: AlertRule): boolean => before?.kind === kind && wants(rule, before.last);
  const sent = send({ kind, entry, since, last, isReminder: false }, (rule) => wants(rule, last) && !isKnown(rule));
  return { ...kept, [STATE_OF[kind]]: { kind, entry, since, last, sentAt: { ...before?.sentAt, ...sent } } };
}

/** Sends the reminders that are due. */
function remind(incidents: EntryIncidents, now: Date, send: Send): EntryIncidents {
  const after = Object.entries(incidents).map(([state, incident]) => {
    const sent = send({ ...incident, isReminder: true }, (rule) => isReminderDue(rule, incident, now));
    return [state, { ...incident, sentAt: { ...incident.sentAt, ...sent } }];
  });
  return Object.fromEntries(after);
}

/** Applies events, in order, to the open incidents, and finds the alerts for each receiver. */
export function processEvents({ events, incidents, rules, entries, off, now }: ProcessInput): {
  readonly incidents: Incidents;
  readonly batches: readonly Batch[];
} {
  const installed = new Map(entries.map((entry) => [entryPath(entry), entry]));
  const batches = new Map<string, { readonly receiver: Receiver; readonly alerts: Alert[] }>();
  const send: Send = (alert, isFor) => {
    const entry = installed.get(entryPath(alert.entry));
    const all = entry === undefined || entry.policies?.alerts === false ? [] : rulesFor(rules, entry);
    const keys = new Map(all.filter(isFor).map(({ receiver }) => [receiverKey(receiver), receiver]));
    for (const [key, receiver] of keys) {
      const batch = batches.get(key) ?? { receiver, alerts: [] };
      batches.set(key, batch);
      batch.alerts.push(alert);
    }
    return Object.fromEntries([...keys.keys()].map((key) => [key, now.toISOString()]));
  };
  const open = new Map(Object.entries(incidents));
  for (const event of events) {
    const path = entryPath(event.entry);
    const known = open.get(path) ?? {};
    // After a crash, the end of the same run may be stored again.
    if (inOrder(known).some(({ last }) => last.id === event.id)) continue;
    open.set(path, applyEvent(known, event, send));
  }
  for (const [path, known] of open) {
    const kept = !installed.has(path) ? {} : off.has(path) ? known : remind(known, now, send);
    if (Object.keys(kept).length === 0) open.delete(path);
    else open.set(path, kept);
  }
  return { incidents: Object.fromEntries(open), batches: [...batches.values()] };
}

function isReminderDue(rule: AlertRule, { last, sentAt }: Incident, now: Date): boolean {
  const sent = sentAt[receiverKey(rule.receiver)];
  if (rule.remindMs === undefined || sent === undefined || !wants(rule, last)) return false;
  return now.getTime() - Date.parse(sent) >= rule.remindMs;
}

/** Whether a reminder is due. Without one, a schedule that has no events and no messages is not processed. */
export const hasReminderDue = ({
  incidents,
  rules,
  off,
  now,
}: Pick<ProcessInput, "incidents" | "rules" | "off" | "now">): boolean =>
  Object.entries(incidents)
    .flatMap(([path, open]) => (off.has(path) ? [] : inOrder(open)))
    .some((incident) => rulesFor(rules, incident.entry).some((rule) => isReminderDue(rule, incident, now)));
