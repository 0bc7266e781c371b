import { DEFAULT_COMMAND, DEFAULT_SCHEDULE_NAME, type EntryId } from "./pipeline-id.ts";

/**
 * PipelineWise's command line for an entry.
 *
 * @param pipelinewise the program and its leading arguments
 * @param args arguments that follow the tap and the target
 */
export function tapCommand(
  pipelinewise: readonly string[],
  entry: EntryId,
  args: readonly string[],
): readonly string[] {
  return [...pipelinewise, entry.command, "--tap", entry.tap, "--target", entry.target, ...args];
}

/** The values that a scheduled command line contains. */
export interface WrapperCall {
  readonly node: string;
  readonly program: string;
  readonly schedule: string;
  /** Absolute path; `undefined` for the default that a run finds by itself (`~/.pipelinewise`). */
  readonly configDir?: string | undefined;
}

/**
 * The arguments with which a scheduler starts an entry. Defaults are omitted, so that crontab lines stay short.
 * `run` parses them (`cli/run-arguments.ts`).
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

const SAFE_WORD = /^[A-Za-z0-9_./:=@,+-]+$/;

/**
 * Whether an argument has no special meaning to cron or to a shell, with any cron daemon. The first one of a line must
 * not begin with `-` either.
 */
export const isSafeWord = (word: string): boolean => SAFE_WORD.test(word);

/** The argument quoted for `sh`: unchanged if it is safe, otherwise in single quotes. */
export const quoteWord = (word: string): string =>
  isSafeWord(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** Arguments as one `sh` command line. */
export const renderWords = (words: readonly string[]): string => words.map(quoteWord).join(" ");
