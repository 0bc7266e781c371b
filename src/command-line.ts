import { DEFAULT_COMMAND, DEFAULT_SCHEDULE_NAME, type EntryId } from "./pipeline-id.ts";

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
 * `run` reads them back (`cli/run-arguments.ts`).
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
 * Whether a word may stand in a crontab line: nothing in it means anything to cron or to a shell, on any daemon.
 * A line's first word may also not begin with `-`.
 */
export const isSafeWord = (word: string): boolean => SAFE_WORD.test(word);

/** The word as `sh` reads it back: bare when safe, else in single quotes. */
export const quoteWord = (word: string): string =>
  isSafeWord(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** Words as one `sh` command line. */
export const renderWords = (words: readonly string[]): string => words.map(quoteWord).join(" ");
