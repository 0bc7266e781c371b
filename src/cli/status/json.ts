import type { RunningRun } from "../../control/lock-state.ts";
import { isDisabled } from "../../control/next-due.ts";
import type { RunRecord } from "../../history/record.ts";
import type { LockHolder } from "../../lock/lock.ts";
import type { ForeignRun } from "../../run/checks/leftovers.ts";
import { renderForeignRun } from "../../run/checks/preflight.ts";
import type { QueuedStart } from "../../run/limits/read-queue.ts";
import type { NextAttempt } from "../../run/policies/next-attempt.ts";
import { SECOND_MS } from "../../time-units.ts";
import { pauseJson } from "./pauses.ts";
import { entryOfRun, isRowOverdue, type ScheduledEntry, type StatusRow } from "./rows.ts";
import { type Tending, tendJson } from "./tending.ts";

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
  const pipelines = rows.map(({ tap, target, pipelinewise, scheduled, lastRun, lastSkip, recent, pauses, ...row }) => ({
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
    recentOutcomes: recent,
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
