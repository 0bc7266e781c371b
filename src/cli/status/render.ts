import type { RunningRun } from "../../control/lock-state.ts";
import { isDisabled } from "../../control/next-due.ts";
import type { Freshness } from "../../history/freshness.ts";
import { type RunRecord, renderOutcome } from "../../history/record.ts";
import type { LockHolder } from "../../lock/lock.ts";
import { afterLabel, DEFAULT_COMMAND } from "../../pipeline-id.ts";
import { renderRemaining } from "../../run/checks/holder.ts";
import type { ForeignRun } from "../../run/checks/leftovers.ts";
import { renderForeignRun } from "../../run/checks/preflight.ts";
import { type QueuedStart, renderWaitsFor } from "../../run/limits/read-queue.ts";
import type { NextAttempt } from "../../run/policies/next-attempt.ts";
import { renderDuration, renderInstant, renderMinute } from "../../text/format-time.ts";
import { renderTable } from "../../text/table.ts";
import { SECOND_MS } from "../../time-units.ts";
import { pauseJson } from "./pauses.ts";
import { entryOfRun, isRowOverdue, type ScheduledEntry, type StatusRow } from "./rows.ts";
import { type Tending, tendJson } from "./tending.ts";

const HEAD = [
  "Tap ID",
  "Tap Type",
  "Target ID",
  "Target Type",
  "Enabled",
  "Status",
  "Last Sync",
  "Last Sync Result",
  "Schedule",
  "Scheduler",
  "Next run",
  "Last outcome",
  "Running since",
];

const describeEntry = ({ command, id = "" }: { readonly command: string; readonly id?: string | undefined }): string =>
  [command, id].filter((part) => part !== "").join(" ");

/**
 * The times of an entry: its command unless that is `run_tap`, its cron expressions, its time zone if it has one, and
 * the pipelines after which it runs.
 */
function describeSchedule({ entry }: ScheduledEntry): string {
  const { command, id, crons, after, timezone } = entry;
  const what = describeEntry({ command: command === DEFAULT_COMMAND ? "" : command, id });
  const zone = timezone === undefined || crons.length === 0 ? "" : ` ${timezone}`;
  const starts = [
    ...(crons.length === 0 ? [] : [crons.join("; ") + zone]),
    ...(after === undefined ? [] : [afterLabel(after)]),
  ];
  return `${what === "" ? "" : `${what}: `}${starts.join("; ")}`;
}

function describeLast({ lastRun, lastSkip, scheduled }: StatusRow): string {
  const run = lastRun === undefined ? undefined : `${renderOutcome(lastRun)} ${renderMinute(lastRun.endedAt)}`;
  const skip = lastSkip === undefined ? undefined : `${renderOutcome(lastSkip)} ${renderMinute(lastSkip.endedAt)}`;
  const last = [run, skip].filter((text) => text !== undefined).join(", then ");
  return [last, renderLateness(scheduled?.freshness)].filter((text) => text !== "").join("; ");
}

/** `late by 40 min`; empty if the entry is not late. */
const renderLateness = (freshness: Freshness | undefined): string =>
  freshness === undefined || freshness.lateMs === 0 ? "" : `late by ${renderDuration(freshness.lateMs)}`;

/** The next run, after `paused` if the pipeline or the entry is paused. */
function describeNext({ scheduled, pauses }: StatusRow): string {
  const next = scheduled?.nextAt === undefined ? "" : renderMinute(scheduled.nextAt);
  if (scheduled !== undefined && isDisabled(scheduled.entry)) return "paused (enabled: false)";
  if (pauses.length === 0) return next;
  return next === "" ? "paused" : `paused, then ${next}`;
}

const renderSince = ({ startedAt }: Pick<LockHolder, "startedAt">, now: Date): string =>
  `${renderInstant(startedAt)} (${renderDuration(now.getTime() - startedAt.getTime())})`;

const renderNextAttempt = (next: NextAttempt | undefined): string =>
  next === undefined ? "" : `; waiting for attempt ${next.attempt} of ${next.of} until ${renderInstant(next.until)}`;

const renderRunning = (run: RunningRun, now: Date): string =>
  run.queued === undefined
    ? renderSince(run, now) + renderRemaining(run.remaining) + renderNextAttempt(run.nextAttempt)
    : `queued since ${renderSince({ startedAt: run.queued.since }, now)}: ${renderWaitsFor(run.queued)}`;

const renderForeign = (run: ForeignRun): string =>
  run.kind === "log"
    ? "perhaps running outside pipelinewise-sched, on another host"
    : `running outside pipelinewise-sched: pid ${run.process.pid} (${run.process.what})`;

function describeRunning(row: StatusRow, now: Date): string {
  const { running, lockedBy, waiting, foreignRun } = row;
  const parts = [
    running === undefined ? undefined : renderRunning(running, now),
    isRowOverdue(row, now) ? "overdue" : undefined,
    lockedBy === undefined ? undefined : `locked by ${describeEntry(entryOfRun(lockedBy))}`,
    waiting === undefined ? undefined : `waiting for the running run since ${renderSince(waiting, now)}`,
    foreignRun === undefined ? undefined : renderForeign(foreignRun),
  ];
  return parts.filter((part) => part !== undefined).join("; ");
}

/** PipelineWise's columns unchanged, then the columns of this program with times in UTC. */
export function renderStatus(rows: readonly StatusRow[], now: Date): string {
  const lines = rows.map((row) => {
    const { pipelinewise } = row;
    return [
      row.tap,
      pipelinewise?.tapType ?? "",
      row.target,
      pipelinewise?.targetType ?? "",
      pipelinewise?.enabled ?? "",
      pipelinewise?.status ?? "",
      pipelinewise?.lastSync ?? "",
      pipelinewise?.lastSyncResult ?? "",
      row.scheduled === undefined ? "not scheduled" : describeSchedule(row.scheduled),
      row.scheduled?.schedulers.join(", ") ?? "",
      describeNext(row),
      describeLast(row),
      describeRunning(row, now),
    ];
  });
  return renderTable(HEAD, lines);
}

const runJson = (run: RunRecord | undefined) =>
  run === undefined
    ? null
    : {
        id: run.id,
        outcome: run.outcome,
        reason: run.reason ?? null,
        detail: run.detail ?? null,
        host: run.host,
        startedAt: run.startedAt,
        endedAt: run.endedAt,
        exitCode: run.exitCode ?? null,
        log: run.log ?? null,
      };

const queuedJson = (queued: QueuedStart | undefined) =>
  queued === undefined
    ? null
    : {
        since: queued.since.toISOString(),
        for: queued.waitsFor.map(({ limit, holders }) => ({ ...limit, taken: holders.length })),
      };

const nextAttemptJson = (next: NextAttempt | undefined) =>
  next === undefined ? null : { attempt: next.attempt, of: next.of, until: next.until.toISOString() };

const runningJson = (running: RunningRun) => ({
  runId: running.runId,
  host: running.host,
  pid: running.pid,
  since: running.startedAt.toISOString(),
  remaining: running.remaining,
  queued: queuedJson(running.queued),
  nextAttempt: nextAttemptJson(running.nextAttempt),
});

const lockedByJson = (run: RunningRun | undefined) =>
  run === undefined ? null : { command: entryOfRun(run).command, id: entryOfRun(run).id ?? null, ...runningJson(run) };

const waitingJson = (start: LockHolder | undefined) =>
  start === undefined
    ? null
    : { runId: start.runId, host: start.host, pid: start.pid, since: start.startedAt.toISOString() };

const foreignJson = (run: ForeignRun | undefined) =>
  run === undefined
    ? null
    : {
        pid: run.kind === "log" ? null : run.process.pid,
        what: run.kind === "log" ? null : run.process.what,
        detail: renderForeignRun(run),
      };

const freshnessJson = (scheduled: ScheduledEntry | undefined) =>
  scheduled?.freshness === undefined
    ? null
    : {
        late: scheduled.freshness.lateMs > 0,
        lateSeconds: Math.ceil(scheduled.freshness.lateMs / SECOND_MS),
        succeededAt: scheduled.freshness.succeededAt?.toISOString() ?? null,
      };

/** The status as JSON. Every key is always present, with `null` for unknown values. */
export function renderStatusJson(rows: readonly StatusRow[], tending: readonly Tending[], now: Date): string {
  const pipelines = rows.map(({ tap, target, pipelinewise, scheduled, lastRun, lastSkip, pauses, ...row }) => ({
    tap,
    tapType: pipelinewise?.tapType ?? null,
    target,
    targetType: pipelinewise?.targetType ?? null,
    enabled: pipelinewise === undefined ? null : pipelinewise.enabled === "True",
    status: pipelinewise?.status ?? null,
    lastSync: pipelinewise?.lastSync || null,
    lastSyncResult: pipelinewise?.lastSyncResult || null,
    schedule: scheduled?.schedule ?? null,
    schedulers: scheduled?.schedulers ?? [],
    command: scheduled?.entry.command ?? null,
    id: scheduled?.entry.id ?? null,
    crons: scheduled?.entry.crons ?? [],
    after: scheduled?.entry.after ?? [],
    timezone: scheduled?.entry.timezone ?? null,
    note: scheduled?.entry.note ?? null,
    nextRunAt: scheduled?.nextAt?.toISOString() ?? null,
    disabledInFile: scheduled === undefined ? null : isDisabled(scheduled.entry),
    pauses: pauses.map(pauseJson),
    undueStarts: scheduled?.idleStarts ?? null,
    lastRun: runJson(lastRun),
    lastSkip: runJson(lastSkip),
    freshness: freshnessJson(scheduled),
    running:
      row.running === undefined
        ? null
        : { ...runningJson(row.running), overdue: isRowOverdue({ running: row.running, scheduled }, now) },
    lockedBy: lockedByJson(row.lockedBy),
    waiting: waitingJson(row.waiting),
    foreignRun: foreignJson(row.foreignRun),
  }));
  return `${JSON.stringify({ pipelines, tend: tending.map(tendJson) }, null, 2)}\n`;
}
