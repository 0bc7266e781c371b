import { localDay } from "../../cron/run-times.ts";
import { UsageError } from "../../errors.ts";

/** The unparsed options that select the runs to show. */
export interface WindowFlags {
  readonly from?: string;
  readonly to?: string;
  readonly count?: string;
  readonly day?: string;
  readonly by?: "time" | "pipeline";
}

/** The runs to show. Instants are in epoch milliseconds. */
export interface PreviewWindow {
  readonly from: number;
  /** Exclusive. */
  readonly to?: number;
  /** Number of runs for each pipeline. */
  readonly count?: number;
  /** Number of runs in total, if the user gives no limit. */
  readonly total?: number;
}

const DEFAULT_TOTAL = 10;
const DEFAULT_EACH = 5;
const MAX_COUNT = 1_000_000;
const INSTANT = /^(\d{4}-\d\d-\d\d)(T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?)?(Z|[+-]\d\d:[0-5]\d)?$/;
const EXAMPLE = "2026-10-25T00:00Z";

/**
 * Converts the options to the runs to show.
 *
 * @param context.zone time zone of `--day`
 * @throws UsageError
 */
export function readWindow(
  { from, to, count, day, by }: WindowFlags,
  { now, zone }: { readonly now: Date; readonly zone: string },
): PreviewWindow {
  if (day !== undefined) {
    if (from !== undefined || to !== undefined || count !== undefined) {
      throw new UsageError(
        "--day cannot be combined with --from, --to or --count",
        "Remove --day, or the other options.",
      );
    }
    return localDay(readDay(day), zone);
  }
  const start = from === undefined ? now.getTime() : readInstant("--from", from);
  const each = count === undefined ? {} : { count: readCount(count) };
  const byDefault = by === "pipeline" ? { count: DEFAULT_EACH } : { total: DEFAULT_TOTAL };
  if (to === undefined) return { from: start, ...(count === undefined ? byDefault : each) };
  const end = readInstant("--to", to);
  if (end > start) return { from: start, to: end, ...each };
  const begin = from === undefined ? `now, ${new Date(start).toISOString()}` : `--from ${from}`;
  throw new UsageError(`--to ${to} is not after ${begin}`, "Give a --to that is later than --from.");
}

/**
 * The instant in the value of an option, in epoch milliseconds.
 *
 * @param hint shown if the text has another form
 * @throws UsageError
 */
export function readInstant(
  flag: string,
  text: string,
  hint = `Write it as ${EXAMPLE}; without an offset it is UTC.`,
): number {
  const [, date, time = "T00:00", offset = "Z"] = INSTANT.exec(text) ?? [];
  const at = date === undefined ? Number.NaN : Date.parse(`${knownDate(flag, date)}${time}${offset}`);
  if (!Number.isNaN(at)) return at;
  throw invalidDate(flag, text, hint);
}

function readDay(text: string): string {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return knownDate("--day", text);
  throw invalidDate("--day", text, "Write it as 2026-10-25.");
}

function invalidDate(flag: string, text: string, hint: string): UsageError {
  if (/^[+-]?\d{5,}-\d\d-\d\d/.test(text))
    return new UsageError(`${flag}: ${text} is not between the years 1970 and 9999`);
  return new UsageError(`${flag} ${JSON.stringify(text)} is not a valid date or time`, hint);
}

/** Checks that a date exists: `Date` itself reads 30 February as 2 March. */
function knownDate(flag: string, date: string): string {
  const at = Date.parse(`${date}T00:00Z`);
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== date) {
    throw new UsageError(
      `${flag}: ${date} does not exist in the calendar`,
      `Write the date as ${EXAMPLE.slice(0, 10)}.`,
    );
  }
  if (date < "1970") throw new UsageError(`${flag}: ${date} is before 1970, when Unix time begins`);
  return date;
}

function readCount(text: string): number {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_COUNT) return count;
  throw new UsageError(`--count ${JSON.stringify(text)} is not a number from 1 to ${MAX_COUNT}`);
}
