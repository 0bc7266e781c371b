import type { Schedule } from "../schedule/schedule.ts";
import type { CompiledSchedule } from "./compiled.ts";
import { digestOf } from "./digest.ts";

/** What a schedule means, ready to be stored. @param places its paths, absolute: the config directory and the env file */
export function compileSchedule(
  schedule: Schedule,
  places: { readonly configDir: string; readonly envFile?: string | undefined },
): CompiledSchedule {
  return {
    format: 1,
    name: schedule.name,
    source: { path: schedule.source.path, digest: digestOf(schedule.source.bytes) },
    configDir: places.configDir,
    env: schedule.pipelinewise.env,
    envFile: places.envFile,
    entries: schedule.pipelines.map(({ tap, target, command, id, crons, timezone, note, args }) => ({
      tap,
      target,
      command,
      id,
      crons: crons.map(({ text }) => text),
      timezone,
      note,
      args,
    })),
  };
}
