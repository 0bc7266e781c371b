import type { PipelineId } from "./pipeline-id.ts";

/** Events that begin an incident of an entry, or change its kind. A success ends it. */
export const INCIDENT_KINDS = ["failed", "timed-out", "lost", "late", "overdue", "skipped"] as const;
export type IncidentKind = (typeof INCIDENT_KINDS)[number];

/** Events that an alert rule may name. `started` and `succeeded` are sent for each run. */
export const ALERT_KINDS = [...INCIDENT_KINDS, "recovered", "started", "succeeded"] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** Events of which a receiver of pings may be informed: those of each run. */
export const PING_KINDS = [
  "started",
  "succeeded",
  "failed",
  "timed-out",
  "lost",
] as const satisfies readonly AlertKind[];
export type PingKind = (typeof PING_KINDS)[number];

/** Receivers of alerts that have a URL, by their keys in the schedule file. */
export const URL_RECEIVER_KINDS = ["slack", "webhook", "ping"] as const;
/** Receivers of alerts, by their keys in the schedule file. */
export const RECEIVER_KINDS = [...URL_RECEIVER_KINDS, "email"] as const;

/** A receiver with a URL. */
export interface UrlReceiver {
  readonly kind: (typeof URL_RECEIVER_KINDS)[number];
  /** Has at least one `${file:PATH}` or `${env:NAME}`, which is read when an alert is sent. Never stored resolved. */
  readonly url: string;
}

/** Receivers of mail. */
export interface EmailReceiver {
  readonly kind: "email";
  readonly to: readonly string[];
  readonly from?: string | undefined;
  /** The URL of an SMTP server, like that of a `UrlReceiver`, or the absolute path of a program that accepts mail. */
  readonly by: { readonly smtp: string } | { readonly sendmail: string };
}

/** A receiver of alerts. */
export type Receiver = UrlReceiver | EmailReceiver;

/** A rule of a schedule: which alerts of which pipelines one receiver gets. */
export interface AlertRule {
  readonly when: readonly AlertKind[];
  /** Number of starts skipped in a row after which `skipped` is sent. Absent if `when` does not list it. */
  readonly skips?: number | undefined;
  readonly receiver: Receiver;
  /** Patterns of tap ids, in which `*` is any text. Absent: all. */
  readonly taps?: readonly string[] | undefined;
  /** Patterns of target ids. Absent: all. */
  readonly targets?: readonly string[] | undefined;
  /** Time after which an alert of a state that has not changed is repeated. Absent: never. */
  readonly remindMs?: number | undefined;
}

/** Whether a pattern, in which `*` is any text, matches an id. */
function matchesPattern(pattern: string, id: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\-]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`).test(id);
}

const matchesAny = (patterns: readonly string[] | undefined, id: string): boolean =>
  patterns?.some((pattern) => matchesPattern(pattern, id)) ?? true;

/** The rules that apply to a pipeline. */
export const rulesFor = (rules: readonly AlertRule[], { tap, target }: PipelineId): readonly AlertRule[] =>
  rules.filter(({ taps, targets }) => matchesAny(taps, tap) && matchesAny(targets, target));

/** Whether a rule asks for a kind of alert about a pipeline. */
export const isWanted = (rules: readonly AlertRule[], pipeline: PipelineId, kind: AlertKind): boolean =>
  rulesFor(rules, pipeline).some(({ when }) => when.includes(kind));

/** Identifies a receiver in state files, and names it for people: `slack ${env:SLACK_URL}`. Contains no secret. */
export function receiverKey(receiver: Receiver): string {
  if (receiver.kind !== "email") return `${receiver.kind} ${receiver.url}`;
  const { to, by } = receiver;
  return `email ${to.join(", ")} by ${"smtp" in by ? by.smtp : by.sendmail}`;
}
