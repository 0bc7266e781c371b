import { outcomeWords, type RunRecord } from "../../history/record.ts";
import { DEFAULT_COMMAND } from "../../pipeline-id.ts";
import { renderDuration, renderInstant, renderMinute } from "../../text/format-time.ts";
import { renderTable } from "../../text/table.ts";
import type { ScheduledEntry, StatusRow } from "./rows.ts";

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
  "Next run",
  "Last outcome",
  "Running since",
];

/** The cron expressions, after the command unless it is `run_tap`, and before the entry's time zone if it has one. */
function scheduleWords({ entry }: ScheduledEntry): string {
  const { command, id, crons, timezone } = entry;
  const what = [command === DEFAULT_COMMAND ? "" : command, id ?? ""].filter((word) => word !== "").join(" ");
  return `${what === "" ? "" : `${what}: `}${crons.join("; ")}${timezone === undefined ? "" : ` ${timezone}`}`;
}

function lastWords({ lastRun, lastSkip }: StatusRow): string {
  const run = lastRun === undefined ? undefined : `${outcomeWords(lastRun)} ${renderMinute(lastRun.endedAt)}`;
  const skip = lastSkip === undefined ? undefined : `${outcomeWords(lastSkip)} ${renderMinute(lastSkip.endedAt)}`;
  return [run, skip].filter((words) => words !== undefined).join(", then ");
}

/** PipelineWise's columns unchanged, then the columns of this program with times in UTC. */
export function renderStatus(rows: readonly StatusRow[], now: Date): string {
  const lines = rows.map((row) => {
    const theirs = row.pipelinewise;
    const since = row.running?.startedAt;
    return [
      row.tap,
      theirs?.tapType ?? "",
      row.target,
      theirs?.targetType ?? "",
      theirs?.enabled ?? "",
      theirs?.status ?? "",
      theirs?.lastSync ?? "",
      theirs?.lastSyncResult ?? "",
      row.scheduled === undefined ? "not scheduled" : scheduleWords(row.scheduled),
      row.scheduled?.nextAt === undefined ? "" : renderMinute(row.scheduled.nextAt),
      lastWords(row),
      since === undefined ? "" : `${renderInstant(since)} (${renderDuration(now.getTime() - since.getTime())})`,
    ];
  });
  return renderTable(HEAD, lines);
}

const runForPrograms = (run: RunRecord | undefined) =>
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

/** The same as JSON: every key is always present, with `null` for unknown values. */
export function renderStatusJson(rows: readonly StatusRow[]): string {
  const pipelines = rows.map(({ tap, target, pipelinewise, scheduled, lastRun, lastSkip, running }) => ({
    tap,
    tapType: pipelinewise?.tapType ?? null,
    target,
    targetType: pipelinewise?.targetType ?? null,
    enabled: pipelinewise === undefined ? null : pipelinewise.enabled === "True",
    status: pipelinewise?.status ?? null,
    lastSync: pipelinewise?.lastSync || null,
    lastSyncResult: pipelinewise?.lastSyncResult || null,
    schedule: scheduled?.schedule ?? null,
    command: scheduled?.entry.command ?? null,
    id: scheduled?.entry.id ?? null,
    crons: scheduled?.entry.crons ?? [],
    timezone: scheduled?.entry.timezone ?? null,
    note: scheduled?.entry.note ?? null,
    nextRunAt: scheduled?.nextAt?.toISOString() ?? null,
    undueStarts: scheduled?.undueStarts ?? null,
    lastRun: runForPrograms(lastRun),
    lastSkip: runForPrograms(lastSkip),
    running:
      running === undefined
        ? null
        : { runId: running.runId, host: running.host, pid: running.pid, since: running.startedAt.toISOString() },
  }));
  return `${JSON.stringify({ pipelines }, null, 2)}\n`;
}
