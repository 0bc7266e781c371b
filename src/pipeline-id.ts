/** One tap and one target, by PipelineWise's connector ids. */
export interface PipelineId {
  readonly tap: string;
  readonly target: string;
}

/** One pipeline, all pipelines of a tap or into a target, or all pipelines. A pause with a tap has a target. */
export interface PipelineScope {
  readonly target?: string | undefined;
  readonly tap?: string | undefined;
}

const agree = (one: string | undefined, other: string | undefined): boolean =>
  one === undefined || other === undefined || one === other;

/** Whether two scopes have pipelines in common. A pipeline is a scope too. */
export const overlaps = (one: PipelineScope, other: PipelineScope): boolean =>
  agree(one.target, other.target) && agree(one.tap, other.tap);

/** The scope for people. */
export function scopeLabel({ tap, target }: PipelineScope): string {
  if (target === undefined) return "all pipelines";
  return tap === undefined ? `all pipelines into ${target}` : `${tap} → ${target}`;
}

/**
 * The PipelineWise commands that a schedule file may name. `fast_sync` is what PipelineWise 0.77 and later call
 * `sync_tables`; a run uses the name that the installed PipelineWise knows.
 */
export const ENTRY_COMMANDS = [
  "run_tap",
  "fast_sync",
  "sync_tables",
  "partial_sync_table",
  "run_data_diff_checks",
] as const;
export type EntryCommand = (typeof ENTRY_COMMANDS)[number];
export const DEFAULT_COMMAND = "run_tap" satisfies EntryCommand;
export const DEFAULT_SCHEDULE_NAME = "pipelinewise";

/** The two names of one command, the current one first. */
export const FAST_SYNC_NAMES = ["fast_sync", "sync_tables"] as const;
export type FastSyncName = (typeof FAST_SYNC_NAMES)[number];

export const isFastSync = (command: string): command is FastSyncName =>
  FAST_SYNC_NAMES.some((name) => name === command);

/** One entry of a schedule: (tap, target, command), and an `id` if that triple occurs more than once. */
export interface EntryId extends PipelineId {
  /** In a schedule file one of `ENTRY_COMMANDS`; in a run by hand any PipelineWise command. */
  readonly command: string;
  readonly id?: string | undefined;
}

/** Key of the entry, unique within a schedule and a pipeline: `run_tap`, `sync_tables#weekly`. */
export const entryKey = ({ command, id }: EntryId): string => (id === undefined ? command : `${command}#${id}`);

/** Path of the entry, unique within a schedule: `redshift/microserv_1/run_tap`. */
export const entryPath = (entry: EntryId): string => `${entry.target}/${entry.tap}/${entryKey(entry)}`;

/** The entry for people: `microserv_1 → redshift`, with the command unless it is `run_tap`. */
export function entryLabel({ tap, target, command, id }: EntryId): string {
  const pair = `${tap} → ${target}`;
  const what = [command === DEFAULT_COMMAND ? "" : command, id ?? ""].filter((word) => word !== "").join(" ");
  return what === "" ? pair : `${pair} (${what})`;
}

/** The pipelines after which an entry runs, for people: `after b → w and c → w`. */
export const afterLabel = (after: readonly PipelineId[]): string =>
  `after ${after.map((one) => entryLabel({ ...one, command: DEFAULT_COMMAND })).join(" and ")}`;

/** Commands that replicate data. PipelineWise refuses them for a tap that is not enabled, and they need its state. */
export const replicates = (command: string): boolean =>
  command === "run_tap" || command === "partial_sync_table" || isFastSync(command);

/** Commands that only compare a pipeline's source with its target. They take no pidfile of the pipeline. */
export const isDataDiff = (command: string): boolean =>
  command === "run_data_diff_checks" || command === "rerun_data_diff_check";

/** Commands that change neither data nor state of a pipeline, so they need no lock. */
const READING_COMMANDS: readonly string[] = [
  "status",
  "validate",
  "list_data_diff_checks",
  "test_tap_connection",
  "discover_tap",
  "encrypt_string",
];

/** Whether a command is known to write nothing. An unknown command counts as one that writes. */
export const onlyReads = (command: string): boolean => READING_COMMANDS.includes(command);

/**
 * Identifies a lock. A pipeline has one lock for everything that writes its data or state, and one for its data-diff
 * checks, which run beside that. Each of them has a waiter lock, which lets one start at a time wait for it.
 */
export interface LockId extends PipelineId {
  readonly dataDiff: boolean;
  /** Whether it is the waiter lock. */
  readonly isWaiter?: true | undefined;
}

/** In place of a target. No target's id begins with a dot, so no pipeline has this lock. */
const TEND_TARGET = ".tend";

/** The lock that lets one host at a time tend a schedule. */
export const tendLockOf = (schedule: string): LockId => ({ tap: schedule, target: TEND_TARGET, dataDiff: false });

/** The lock that a run of this entry needs. */
export const lockOf = ({ tap, target, command }: EntryId): LockId => ({ tap, target, dataDiff: isDataDiff(command) });

/** The lock for everything that writes a pipeline's data or state. */
export const mainLockOf = ({ tap, target }: PipelineId): LockId => ({ tap, target, dataDiff: false });

/** The lock of the start that waits for a lock. */
export const waiterLockOf = (lock: LockId): LockId => ({ ...lock, isWaiter: true });

/** The locks that keep a pipeline from running. */
export const runLocksOf = ({ tap, target }: PipelineId): readonly LockId[] => [
  { tap, target, dataDiff: false },
  { tap, target, dataDiff: true },
];

/** All locks of a pipeline. */
export const locksOf = (pipeline: PipelineId): readonly LockId[] =>
  runLocksOf(pipeline).flatMap((lock) => [lock, waiterLockOf(lock)]);

const DATA_DIFF_SUFFIX = "@data_diff";
const WAITER_SUFFIX = "@wait";

/** The lock as a file name, unique within its target. No tap id has an `@`. */
export const lockName = ({ tap, dataDiff, isWaiter }: LockId): string =>
  `${tap}${dataDiff ? DATA_DIFF_SUFFIX : ""}${isWaiter === true ? WAITER_SUFFIX : ""}`;

/** The lock whose `lockName` is `name`. */
export function lockNamed(name: string, target: string): LockId {
  if (name.endsWith(WAITER_SUFFIX)) return waiterLockOf(lockNamed(name.slice(0, -WAITER_SUFFIX.length), target));
  return name.endsWith(DATA_DIFF_SUFFIX)
    ? { tap: name.slice(0, -DATA_DIFF_SUFFIX.length), target, dataDiff: true }
    : { tap: name, target, dataDiff: false };
}

/** The lock for people: `microserv_1 → redshift`. */
export const lockLabel = ({ tap, target, dataDiff, isWaiter }: LockId): string =>
  `${tap} → ${target}${dataDiff ? " (data-diff checks)" : ""}${isWaiter === true ? " (waiting start)" : ""}`;

/** Tap and target ids. */
export const CONNECTOR_ID = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** Names of schedules and entries. */
export const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/**
 * The reason why `id` is not accepted as a tap or target id; `undefined` if it is. PipelineWise puts ids unquoted into
 * shell commands.
 */
export function connectorIdError(id: string): string | undefined {
  return CONNECTOR_ID.test(id)
    ? undefined
    : "is not a safe word: PipelineWise puts ids unquoted into shell commands; use 1 to 128 of A-Z a-z 0-9 _ . - and begin with a letter, digit or _";
}

/** The reason why `name` is not accepted as the name of a schedule or an entry; `undefined` if it is. */
export function nameError(name: string): string | undefined {
  return NAME.test(name)
    ? undefined
    : "is not a safe name: use 1 to 64 of a-z 0-9 _ - and begin with a letter or digit";
}
