import { ALERT_KINDS, INCIDENT_KINDS, type IncidentKind } from "../alert-rules.ts";
import { parseCron } from "../cron/expression.ts";
import { nextRuns } from "../cron/run-times.ts";
import type { StoredEntry } from "../installed/schedule.ts";
import { entryLabel, entryPath } from "../pipeline-id.ts";
import { renderInstant, renderMinute } from "../text/format-time.ts";
import type { EventRun } from "./event.ts";
import type { Alert } from "./process.ts";

/** A message to one receiver, as it waits in the outbox. It is version 1 of the JSON that a webhook gets. */
export interface AlertMessage {
  readonly version: 1;
  /** Unique: a message that is sent twice after a crash has the same id. */
  readonly id: string;
  readonly schedule: string;
  /** Whether `alerts test` sends it. */
  readonly test: boolean;
  readonly alerts: readonly RenderedAlert[];
}

/** One alert of a message. Instants are ISO 8601 UTC; `null` if something is not known. */
export interface RenderedAlert {
  readonly kind: Alert["kind"];
  readonly tap: string;
  readonly target: string;
  readonly command: string;
  /** Id of the entry. */
  readonly entry: string | null;
  /** When the state began: for a failure, the start of the first run that did not succeed. */
  readonly since: string;
  readonly reminder: boolean;
  /** `null` if the alert is not about one run. */
  readonly run: {
    readonly id: string;
    readonly host: string;
    readonly startedAt: string;
    readonly endedAt: string | null;
    readonly exitCode: number | null;
    readonly log: string | null;
  } | null;
  readonly detail: string | null;
  readonly lastLines: readonly string[];
  readonly nextRunAt: string | null;
}

interface RenderContext {
  readonly id: string;
  readonly schedule: string;
  readonly entries: readonly StoredEntry[];
  /** Zone of entries without a time zone. */
  readonly machineZone: string;
  readonly now: Date;
}

function findNextRun(entry: StoredEntry, { machineZone, now }: RenderContext): string | null {
  const zone = entry.timezone ?? machineZone;
  const times = entry.crons.flatMap((text) => nextRuns(parseCron(text), { zone, after: now, count: 1 }));
  return times.sort((one, other) => one.getTime() - other.getTime())[0]?.toISOString() ?? null;
}

const renderRun = ({ endedAt, exitCode, log, ...run }: EventRun): RenderedAlert["run"] => ({
  ...run,
  endedAt: endedAt ?? null,
  exitCode: exitCode ?? null,
  log: log ?? null,
});

/** Makes the message that contains some alerts. */
export function renderMessage(alerts: readonly Alert[], context: RenderContext): AlertMessage {
  const entries = new Map(context.entries.map((entry) => [entryPath(entry), entry]));
  const rendered = alerts.map(({ kind, entry, since, isReminder, last }): RenderedAlert => {
    const stored = entries.get(entryPath(entry));
    const { run } = last;
    return {
      kind,
      tap: entry.tap,
      target: entry.target,
      command: entry.command,
      entry: entry.id ?? null,
      since,
      reminder: isReminder,
      run: run === undefined ? null : renderRun(run),
      detail: last.detail ?? null,
      lastLines: last.lastLines,
      nextRunAt: stored === undefined ? null : findNextRun(stored, context),
    };
  });
  return { version: 1, id: context.id, schedule: context.schedule, test: false, alerts: rendered };
}

const WHAT: Readonly<Record<IncidentKind, string>> = {
  failed: "failed",
  "timed-out": "timed out",
  lost: "was lost",
  late: "is late",
  overdue: "is overdue",
  skipped: "is skipped at each start",
};

/** The alert in one line: `microserv_1 → redshift failed with exit code 1, since 2026-11-23 12:00Z`. */
export function headline({ kind, entry, reminder, since, run, ...id }: RenderedAlert): string {
  const label = entryLabel({ ...id, id: entry ?? undefined });
  if (kind === "recovered") return `${label} succeeded again; it had not succeeded since ${renderMinute(since)}`;
  if (kind === "started" || kind === "succeeded") return `${label} ${kind}`;
  const exitCode = run?.exitCode ?? null;
  const code = kind === "failed" && exitCode !== null ? ` with exit code ${exitCode}` : "";
  const what = WHAT[kind];
  return `${label} ${reminder ? "still does not succeed: it " : ""}${what}${code}, since ${renderMinute(since)}`;
}

/** Whether an alert reports that a pipeline does not succeed. */
export const isProblem = ({ kind }: RenderedAlert): boolean => INCIDENT_KINDS.some((one) => one === kind);

/** The number of alerts of each kind: `2 failed, 1 late`. */
function countKinds(alerts: readonly RenderedAlert[]): string {
  const counts = ALERT_KINDS.map((kind) => ({ kind, count: alerts.filter((alert) => alert.kind === kind).length }));
  return counts.flatMap(({ kind, count }) => (count === 0 ? [] : [`${count} ${kind}`])).join(", ");
}

/** The message in one line: `[warehouse] orders_eu → redshift failed …`, or the number of its alerts of each kind. */
export function summaryOf({ schedule, test, alerts }: AlertMessage): string {
  const [first] = alerts;
  const what = alerts.length === 1 && first !== undefined ? headline(first) : countKinds(alerts);
  return `[${schedule}] ${test ? "TEST: " : ""}${what}`;
}

/** The facts about the last run of an alert, one for each line. */
export function factsOf({ run, nextRunAt, detail }: RenderedAlert): readonly string[] {
  const end = run === null || run.endedAt === null ? "" : `, ended ${renderInstant(run.endedAt)}`;
  const log = run?.log ?? null;
  return [
    ...(run === null ? [] : [`host ${run.host}, run ${run.id}, started ${renderInstant(run.startedAt)}${end}`]),
    ...(detail === null ? [] : [detail]),
    ...(log === null ? [] : [`log: ${log}`]),
    ...(nextRunAt === null ? [] : [`next run: ${renderInstant(nextRunAt)}`]),
  ];
}
