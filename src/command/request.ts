/** One tap into one target, by PipelineWise's connector ids. The lock is per pair. */
export interface PipelineId {
  readonly tap: string;
  readonly target: string;
}

/** The PipelineWise commands worth scheduling. All three take the same pidfile there, so they share one lock here. */
export const TAP_COMMANDS = ["run_tap", "sync_tables", "partial_sync_table"] as const;
export type TapCommand = (typeof TAP_COMMANDS)[number];
export const DEFAULT_COMMAND: TapCommand = "run_tap";
export const DEFAULT_SCHEDULE_NAME = "pipelinewise";

/** One entry of a schedule: (tap, target, command), and an `id` where that triple stands more than once. */
export interface EntryId extends PipelineId {
  readonly command: TapCommand;
  readonly id?: string | undefined;
}

/** The entry as one word, unique within a schedule and a pipeline: `run_tap`, `sync_tables#weekly`. */
export const entryKey = ({ command, id }: EntryId): string => (id === undefined ? command : `${command}#${id}`);

/** The entry as one word, unique within a schedule: `redshift/microserv_1/run_tap`. */
export const entryPath = (entry: EntryId): string => `${entry.target}/${entry.tap}/${entryKey(entry)}`;

/** The entry for people: `microserv_1 → redshift`, with the command where it is not `run_tap`. */
export function entryLabel({ tap, target, command, id }: EntryId): string {
  const pair = `${tap} → ${target}`;
  const what = [command === DEFAULT_COMMAND ? "" : command, id ?? ""].filter((word) => word !== "").join(" ");
  return what === "" ? pair : `${pair} (${what})`;
}

/** Tap and target ids. */
export const CONNECTOR_ID = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** Names of schedules and entries. */
export const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** Why `id` cannot be a tap or target id of ours; `undefined` when it can. PipelineWise puts ids unquoted into shell commands. */
export function connectorIdFault(id: string): string | undefined {
  return CONNECTOR_ID.test(id)
    ? undefined
    : "is not a safe word: PipelineWise puts ids unquoted into shell commands; use 1 to 128 of A-Z a-z 0-9 _ . - and begin with a letter, digit or _";
}

/** Why `name` cannot name a schedule or an entry; `undefined` when it can. */
export function nameFault(name: string): string | undefined {
  return NAME.test(name)
    ? undefined
    : "is not a safe name: use 1 to 64 of a-z 0-9 _ - and begin with a letter or digit";
}
