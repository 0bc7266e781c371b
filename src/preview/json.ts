import { DEFAULT_COMMAND } from "../pipeline-id.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import type { PlannedRun } from "./upcoming.ts";

/** The runs as `{"runs":[{"tap","target","at"}…]}`, piece by piece, with `command` and `id` unless they are the default. */
export function* renderJson(runs: Iterable<PlannedRun>): Generator<string, void> {
  const frames = new Map<Pipeline, { readonly head: string; readonly tail: string }>();
  let separator = "";
  let last = Number.NaN;
  let lastIso = "";
  yield '{"runs":[';
  for (const { pipeline, at } of runs) {
    let frame = frames.get(pipeline);
    if (frame === undefined) {
      frame = jsonFrame(pipeline);
      frames.set(pipeline, frame);
    }
    // Many pipelines run in the same minute, so its text is cached.
    if (at !== last) lastIso = new Date(at).toISOString();
    last = at;
    yield `${separator}${frame.head}${lastIso}${frame.tail}`;
    separator = ",";
  }
  yield "\n]}\n";
}

function jsonFrame({ tap, target, command, id }: Pipeline): { readonly head: string; readonly tail: string } {
  const pipeline = `"tap":${JSON.stringify(tap)},"target":${JSON.stringify(target)}`;
  const commandText = command === DEFAULT_COMMAND ? "" : `,"command":${JSON.stringify(command)}`;
  const idText = id === undefined ? "" : `,"id":${JSON.stringify(id)}`;
  return { head: `\n{${pipeline},"at":"`, tail: `"${commandText}${idText}}` };
}
