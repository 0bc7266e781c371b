import { entryPath } from "../command/request.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";
import type { CompiledEntry, CompiledSchedule } from "./compiled.ts";
import { digestOf } from "./digest.ts";

/** What a schedule means beside what stands in it. */
export interface CompileContext {
  /** Absolute. */
  readonly configDir: string;
  /** Absolute. */
  readonly envFile?: string | undefined;
  /** What is stored under its name by now. */
  readonly before?: CompiledSchedule | undefined;
  readonly at: Date;
}

/** What a schedule means, ready to be stored. An entry whose times stay as they were keeps the day they began. */
export function compileSchedule(
  schedule: Schedule,
  { configDir, envFile, before, at }: CompileContext,
): CompiledSchedule {
  const known = new Map(before?.entries.map((entry) => [entryPath(entry), entry]));
  return {
    format: 1,
    name: schedule.name,
    source: { path: schedule.source.path, digest: digestOf(schedule.source.bytes) },
    configDir,
    env: schedule.pipelinewise.env,
    envFile,
    entries: schedule.pipelines.map((pipeline) => compileEntry(pipeline, known.get(entryPath(pipeline)), at)),
  };
}

function compileEntry(pipeline: Pipeline, before: CompiledEntry | undefined, at: Date): CompiledEntry {
  const { tap, target, command, id, timezone, note, args } = pipeline;
  const crons = pipeline.crons.map(({ text }) => text);
  const stays = before !== undefined && before.timezone === timezone && before.crons.join("\n") === crons.join("\n");
  const since = stays ? before.since : at.toISOString();
  return { tap, target, command, id, crons, timezone, since, note, args };
}
