/**
 * How a run ended; the reason a start was skipped. Later outcomes (timed-out, …) join here when they are built. A `lost`
 * run was found dead by another start, or by `status`; its `endedAt` is its last sign of life.
 */
export type OutcomeKind = "succeeded" | "failed" | "stopped" | "lock-lost" | "lost" | "skipped";
export type SkipReason = "overlap" | "external" | "disabled" | "slot-done" | "not-due" | "too-late";

/** One run or one skip, as a line of `runs/<YYYY-MM>/<host>.jsonl`. Instants are ISO 8601 UTC. */
export interface RunRecord {
  readonly id: string;
  readonly tap: string;
  readonly target: string;
  readonly command: string;
  /** Id of the schedule's entry, where it has one. */
  readonly entry?: string | undefined;
  readonly outcome: OutcomeKind;
  readonly reason?: SkipReason | undefined;
  /** One sentence for people: who holds the lock, why it failed. */
  readonly detail?: string | undefined;
  readonly host: string;
  /** Due instant the run stands for; absent for runs by hand. */
  readonly slot?: string | undefined;
  readonly scheduled: boolean;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly exitCode?: number | undefined;
  readonly log?: string | undefined;
}

/** A record as one line of a history file. */
export const renderRecordLine = (record: RunRecord): string => `${JSON.stringify(record)}\n`;

const NEEDED = ["id", "tap", "target", "command", "outcome", "host", "startedAt", "endedAt"] as const;

/** Whether a value from outside has what every record has. */
export function isRunRecord(value: unknown): value is RunRecord {
  if (typeof value !== "object" || value === null) return false;
  const fields: Partial<Record<string, unknown>> = { ...value };
  return NEEDED.every((name) => typeof fields[name] === "string");
}

/** The record of a line; `undefined` when the line is torn or garbled. */
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
 * A short name for a run: 14 of 0-9 a-z, the start time in front, so that ids sort as the runs began. Two starts in one
 * millisecond, on whatever hosts, differ by their tail (one in 60 million is equal).
 *
 * @param random gives a number in [0, 1)
 */
export function newRunId(startedAt: Date, random: () => number = Math.random): string {
  const time = startedAt.getTime().toString(36).padStart(TIME_DIGITS, "0");
  const tail = Math.floor(random() * 36 ** RANDOM_DIGITS);
  return time + tail.toString(36).padStart(RANDOM_DIGITS, "0");
}

/** How a run ended, in a word or two: `failed`, `skipped (overlap)`. */
export const outcomeWords = ({ outcome, reason }: RunRecord): string =>
  reason === undefined ? outcome : `${outcome} (${reason})`;
