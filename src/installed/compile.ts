import { createHash } from "node:crypto";
import { entryPath } from "../pipeline-id.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";
import type { StoredEntry, StoredInstall, StoredSchedule } from "./schedule.ts";
import { needsTend } from "./tend-needs.ts";

/** SHA-256 (hex) of a text or of bytes. In its own file so that a scheduled start does not load node:crypto. */
export const digestOf = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** A short digest, to notice an edit. */
export const contentDigest = (content: string): string => digestOf(content).slice(0, 16);

/** Values that a stored schedule needs besides the schedule file. */
export interface CompileContext {
  /** Absolute. */
  readonly configDir: string;
  /** Absolute. */
  readonly envFile?: string | undefined;
  /** Absolute. */
  readonly metricsFile?: string | undefined;
  /** The schedule that is stored under this name now. */
  readonly before?: StoredSchedule | undefined;
  readonly at: Date;
}

/** Converts a schedule to its stored form. An entry whose times are unchanged keeps its `since`. */
export function compileSchedule(
  schedule: Schedule,
  { configDir, envFile, metricsFile, before, at }: CompileContext,
): StoredSchedule {
  const known = new Map(before?.entries.map((entry) => [entryPath(entry), entry]));
  return {
    format: 1,
    name: schedule.name,
    source: { path: schedule.source.path, digest: digestOf(schedule.source.bytes) },
    configDir,
    env: schedule.pipelinewise.env,
    envFile,
    limits: schedule.limits,
    retention: schedule.retention,
    metrics: metricsFile === undefined ? undefined : { file: metricsFile },
    alerts: schedule.alerts,
    entries: schedule.pipelines.map((pipeline) => compileEntry(pipeline, known.get(entryPath(pipeline)), at)),
  };
}

/** Since when an entry has its times: as stored if they stay the same, otherwise since now. @param at now */
export function sinceOf(
  { crons, timezone }: Pick<StoredEntry, "crons" | "timezone">,
  before: StoredEntry | undefined,
  at: Date,
): string | undefined {
  const stays = before !== undefined && before.timezone === timezone && before.crons.join("\n") === crons.join("\n");
  return stays ? before.since : at.toISOString();
}

function compileEntry(pipeline: Pipeline, before: StoredEntry | undefined, at: Date): StoredEntry {
  const { tap, target, command, id, timezone, note, args, after, source, policies } = pipeline;
  const crons = pipeline.crons.map(({ text }) => text);
  const since = sinceOf({ crons, timezone }, before, at);
  return { tap, target, command, id, crons, after, timezone, since, note, args, source, policies };
}

/**
 * Digest of everything that a scheduler is given: which commands start when, and how. Excludes what a run looks up
 * itself.
 */
export function startsDigest(
  schedule: StoredSchedule,
  { node, program, machineZone }: Pick<StoredInstall, "node" | "program" | "machineZone">,
): string {
  const { name, configDir, entries } = schedule;
  const told = entries.map(({ tap, target, command, id, crons, timezone, note }) => [
    tap,
    target,
    command,
    id,
    crons,
    timezone,
    note,
  ]);
  const tended = needsTend(schedule) ? ["tend"] : [];
  return digestOf(JSON.stringify([name, configDir, node, program, machineZone, told, ...tended]));
}
