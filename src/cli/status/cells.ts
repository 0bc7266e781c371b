import type { RunningRun } from "../../control/lock-state.ts";
import { isDisabled } from "../../control/next-due.ts";
import type { Freshness } from "../../history/freshness.ts";
import { type RunRecord, renderOutcome } from "../../history/record.ts";
import type { LockHolder } from "../../lock/lock.ts";
import { afterLabel, DEFAULT_COMMAND } from "../../pipeline-id.ts";
import { renderRemaining } from "../../run/checks/holder.ts";
import type { ForeignRun } from "../../run/checks/leftovers.ts";
import { renderWaitsFor } from "../../run/limits/read-queue.ts";
import type { NextAttempt } from "../../run/policies/next-attempt.ts";
import { renderDuration, renderInstant, renderMinute, renderRoughDuration } from "../../text/format-time.ts";
import { entryOfRun, isRowOverdue, type ScheduledEntry, type StatusRow } from "./rows.ts";

const describeEntry = ({ command, id = "" }: { readonly command: string; readonly id?: string | undefined }): string =>
  [command, id].filter((part) => part !== "").join(" ");

/**
 * The times of an entry: its command unless that is `run_tap`, its cron expressions, its time zone if it has one, and
 * the pipelines after which it runs.
 */
export function describeSchedule({ entry }: ScheduledEntry): string {
  const { command, id, crons, after, timezone } = entry;
  const what = describeEntry({ command: command === DEFAULT_COMMAND ? "" : command, id });
  const zone = timezone === undefined || crons.length === 0 ? "" : ` ${timezone}`;
  const starts = [
    ...(crons.length === 0 ? [] : [crons.join("; ") + zone]),
    ...(after === undefined ? [] : [afterLabel(after)]),
  ];
  return `${what === "" ? "" : `${what}: `}${starts.join("; ")}`;
}

/** How long ago a run ended, such as `2 h ago`. */
const renderAge = ({ endedAt }: RunRecord, now: Date): string =>
  `${renderRoughDuration(now.getTime() - Date.parse(endedAt))} ago`;

export function describeLast({ lastRun, lastSkip, scheduled }: StatusRow, now: Date): string {
  const last = [lastRun, lastSkip]
    .filter((run) => run !== undefined)
    .map((run) => `${renderOutcome(run)} ${renderMinute(run.endedAt)} (${renderAge(run, now)})`)
    .join(", then ");
  return [last, renderLateness(scheduled?.freshness)].filter((text) => text !== "").join("; ");
}

/** `late by 40 min`; empty if the entry is not late. */
const renderLateness = (freshness: Freshness | undefined): string =>
  freshness === undefined || freshness.lateMs === 0 ? "" : `late by ${renderDuration(freshness.lateMs)}`;

/** The next run, after `paused` if the pipeline or the entry is paused. */
export function describeNext({ scheduled, pauses }: StatusRow): string {
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

export function describeRunning(row: StatusRow, now: Date): string {
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

/** The newest run, or the newest skip of an entry that has never run, such as `failed 2 h ago`. */
export function describeLastShort({ lastRun, lastSkip }: StatusRow, now: Date): string {
  const last = lastRun ?? lastSkip;
  return last === undefined ? "" : `${last.outcome} ${renderAge(last, now)}`;
}

function renderRunningShort({ queued, nextAttempt, startedAt }: RunningRun, now: Date): string {
  if (nextAttempt !== undefined) return `waiting for attempt ${nextAttempt.attempt} of ${nextAttempt.of}`;
  const since = queued?.since ?? startedAt;
  return `${queued === undefined ? "running" : "queued"} ${renderRoughDuration(now.getTime() - since.getTime())}`;
}

/** Whether an entry is late. */
export const isLate = ({ scheduled }: Pick<StatusRow, "scheduled">): boolean => (scheduled?.freshness?.lateMs ?? 0) > 0;

const isPaused = ({ scheduled, pauses }: StatusRow): boolean =>
  pauses.length > 0 || (scheduled !== undefined && isDisabled(scheduled.entry));

/** The state of an entry: what needs attention, then its activity or its next run, such as `late, running 3 min`. */
export function describeState(row: StatusRow, now: Date): string {
  const { running, waiting, lockedBy, foreignRun, scheduled } = row;
  const current = [
    running === undefined ? undefined : renderRunningShort(running, now),
    waiting === undefined ? undefined : `waiting ${renderRoughDuration(now.getTime() - waiting.startedAt.getTime())}`,
    lockedBy === undefined ? undefined : `locked by ${describeEntry(entryOfRun(lockedBy))}`,
    foreignRun === undefined ? undefined : `${foreignRun.kind === "log" ? "perhaps " : ""}foreign run`,
  ].filter((part) => part !== undefined);
  const nextAt = scheduled?.nextAt;
  const next = nextAt === undefined ? [] : [`next in ${renderRoughDuration(nextAt.getTime() - now.getTime())}`];
  return [
    ...(isRowOverdue(row, now) ? ["overdue"] : []),
    ...(isLate(row) ? ["late"] : []),
    ...(isPaused(row) ? ["paused"] : []),
    ...(scheduled === undefined ? ["not scheduled"] : []),
    ...(current.length > 0 ? current : next),
  ].join(", ");
}
