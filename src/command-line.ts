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

/** `--tap` and `--target` with the abbreviations that argparse accepts, and `--command`, which a user may try. */
const CHOICE = /^--(t|ta|tap|tar|targ|targe|target|command)(=|$)/;

/**
 * Index of the argument for PipelineWise's command that could choose another pipeline or command than the one that is
 * locked; -1 if there is none.
 */
export const findChoice = (args: readonly string[]): number =>
  // A first argument that is not an option is a command. After an option, it may be the value of the option.
  args.findIndex((word, index) => CHOICE.test(word) || (index === 0 && !word.startsWith("-")));

/** The values that a scheduled command line contains. */
export interface WrapperCall {
  readonly node: string;
  readonly program: string;
  /** The command is `pipelinewise-sched`, which each worker finds on its own PATH, instead of `node` and `program`. */
  readonly isOnPath?: boolean | undefined;
  readonly schedule: string;
  /** Absolute path; `undefined` for the default that a run finds by itself (`~/.pipelinewise`). */
  readonly configDir?: string | undefined;
  /**
   * Set if the machine that runs a command may have stored other times than the scheduler has: each command then
   * carries a digest of its times. `zone` is the zone of entries without one, if the scheduler does not use the
   * machine's own.
   */
  readonly checkTimes?: { readonly zone: string | undefined } | undefined;
}

/** Other names of UTC. A machine's zone may have any of them. */
const UTC_NAME = /^(?:Etc\/)?(?:UTC|UCT|Universal|Zulu)$/;

/**
 * Digest of an entry's times, 8 hexadecimal digits: FNV-1a. A scheduled start computes it too, and loads no node:crypto
 * for it.
 *
 * @param zone IANA name; `undefined`: the machine's own
 */
export function timesDigest(crons: readonly string[], zone: string | undefined): string {
  const text = [zone?.replace(UTC_NAME, "UTC") ?? "", ...crons].join("\n");
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** An entry, and its times as written. */
interface TimedEntry extends EntryId {
  readonly crons: readonly { readonly text: string }[];
  readonly timezone?: string | undefined;
}

/** The program of a call, its command, and the schedule that it names. Defaults are omitted. */
const callWords = (call: WrapperCall, command: readonly string[]): readonly string[] => [
  ...(call.isOnPath === true ? ["pipelinewise-sched"] : [call.node, call.program]),
  ...command,
  ...(call.configDir === undefined ? [] : ["--config-dir", call.configDir]),
  ...(call.schedule === DEFAULT_SCHEDULE_NAME ? [] : ["--schedule", call.schedule]),
];

/** When a scheduler tends a schedule, as a cron expression that means the same to every scheduler and in every zone. */
export const TEND_TIMES = "*/5 * * * *";

/** The arguments with which a scheduler tends a schedule. `cli/tend-command.ts` parses them. */
export const tendCommand = (call: WrapperCall): readonly string[] => callWords(call, ["tend"]);

/**
 * The arguments with which a scheduler starts an entry. Defaults are omitted, so that crontab lines stay short.
 * `run` parses them (`cli/run-arguments.ts`).
 */
export function wrapperCommand(call: WrapperCall, entry: TimedEntry): readonly string[] {
  const { checkTimes } = call;
  const crons = entry.crons.map(({ text }) => text);
  return [
    ...callWords(call, ["run", "--scheduled"]),
    ...entryWords(entry),
    ...(checkTimes === undefined ? [] : ["--times", timesDigest(crons, entry.timezone ?? checkTimes.zone)]),
  ];
}

/** The arguments of a scheduled command line that name the entry. */
export const entryWords = (entry: EntryId): readonly string[] => [
  "--tap",
  entry.tap,
  "--target",
  entry.target,
  ...(entry.command === DEFAULT_COMMAND ? [] : ["--command", entry.command]),
  ...(entry.id === undefined ? [] : ["--id", entry.id]),
];

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
