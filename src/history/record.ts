/**
 * How a run ended. A `lost` run ended without a record, and another process found that; its `endedAt` is its last
 * heartbeat.
 */
export const OUTCOMES = ["succeeded", "failed", "timed-out", "stopped", "lock-lost", "lost", "skipped"] as const;
export type OutcomeKind = (typeof OUTCOMES)[number];
/** The reason why a policy did not let a pipeline start, which counts as a failed run. */
export type FailureReason = "state" | "hook";
export type SkipReason =
  | "overlap"
  | "external"
  | "disabled"
  | "slot-done"
  | "not-due"
  | "too-late"
  | "paused"
  | "limit";

/** One attempt of a run that has a retry policy. Instants are ISO 8601 UTC. */
export interface AttemptRecord {
  readonly startedAt: string;
  readonly endedAt: string;
  readonly exitCode: number;
  readonly outcome: OutcomeKind;
  /** Absent if nothing could be started. */
  readonly log?: string | undefined;
}

/** One run or one skip, as a line of `runs/<YYYY-MM>/<host>.jsonl`. Instants are ISO 8601 UTC. */
export interface RunRecord {
  readonly id: string;
  readonly tap: string;
  readonly target: string;
  readonly command: string;
  /** Id of the entry, if it has one. */
  readonly entry?: string | undefined;
  readonly outcome: OutcomeKind;
  readonly reason?: SkipReason | FailureReason | undefined;
  /** Text for people: why the run was skipped, stopped or lost, or why it could not be started. */
  readonly detail?: string | undefined;
  readonly host: string;
  /** The due time that the run stands for; absent for runs by hand. */
  readonly slot?: string | undefined;
  readonly scheduled: boolean;
  /** The run whose end started it, by the policy `after`. */
  readonly triggeredBy?: string | undefined;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly exitCode?: number | undefined;
  /** Log of the last attempt. */
  readonly log?: string | undefined;
  /** In order. Absent if the run ended with its first attempt. */
  readonly attempts?: readonly AttemptRecord[] | undefined;
}

/** A record as one line of a history file. */
export const renderRecordLine = (record: RunRecord): string => `${JSON.stringify(record)}\n`;

const NEEDED = ["id", "tap", "target", "command", "outcome", "host", "startedAt", "endedAt"] as const;

/** Whether a value from outside has the fields that every record has. */
export function isRunRecord(value: unknown): value is RunRecord {
  if (typeof value !== "object" || value === null) return false;
  const fields: Partial<Record<string, unknown>> = { ...value };
  return NEEDED.every((name) => typeof fields[name] === "string");
}

/** The record of a line; `undefined` if the line is garbled. */
export function parseRecordLine(line: string): RunRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRunRecord(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const TIME_DIGITS = 9;
const RANDOM_DIGITS = 5;

/**
 * Makes a run id: 14 characters of 0-9 a-z. It begins with the start time, so ids sort by start time. Ids of two starts in
 * one millisecond, on any hosts, are equal with a probability of one in 60 million.
 *
 * @param random gives a number in [0, 1)
 */
export function newRunId(startedAt: Date, random: () => number = Math.random): string {
  const time = startedAt.getTime().toString(36).padStart(TIME_DIGITS, "0");
  const tail = Math.floor(random() * 36 ** RANDOM_DIGITS);
  return time + tail.toString(36).padStart(RANDOM_DIGITS, "0");
}

/** The start of a run, which its id begins with. */
export const startOfRun = (id: string): Date => new Date(Number.parseInt(id.slice(0, TIME_DIGITS), 36));

/** The outcome of a run as text: `failed`, `skipped (overlap)`, `succeeded, 2 attempts`. */
export function renderOutcome({ outcome, reason, attempts }: RunRecord): string {
  const text = reason === undefined ? outcome : `${outcome} (${reason})`;
  return attempts === undefined || attempts.length < 2 ? text : `${text}, ${attempts.length} attempts`;
}
