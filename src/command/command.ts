import { DEFAULT_COMMAND, DEFAULT_SCHEDULE_NAME, type EntryId } from "./request.ts";

/** PipelineWise's own command line for an entry. @param pipelinewise the program and its leading words; @param args words behind it */
export function tapCommand(
  pipelinewise: readonly string[],
  entry: EntryId,
  args: readonly string[],
): readonly string[] {
  return [...pipelinewise, entry.command, "--tap", entry.tap, "--target", entry.target, ...args];
}

/** What a scheduled line calls: ours, and where its state lies. */
export interface WrapperCall {
  readonly node: string;
  readonly program: string;
  readonly schedule: string;
  /** Absolute; `undefined` when it is the default a run would find by itself (`~/.pipelinewise`). */
  readonly configDir?: string | undefined;
}

/**
 * The words by which a scheduler starts an entry; what equals the default is left out, so that lines stay short.
 * `run` reads them back (`cli/run-options.ts`).
 */
export function wrapperCommand(call: WrapperCall, entry: EntryId): readonly string[] {
  return [
    call.node,
    call.program,
    "run",
    "--scheduled",
    ...(call.configDir === undefined ? [] : ["--config-dir", call.configDir]),
    ...(call.schedule === DEFAULT_SCHEDULE_NAME ? [] : ["--schedule", call.schedule]),
    "--tap",
    entry.tap,
    "--target",
    entry.target,
    ...(entry.command === DEFAULT_COMMAND ? [] : ["--command", entry.command]),
    ...(entry.id === undefined ? [] : ["--id", entry.id]),
  ];
}
