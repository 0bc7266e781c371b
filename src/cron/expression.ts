import { CronSyntaxError, DAY, escapeInvisible, HOUR, MINUTE, MONTH, parseField, WEEKDAY, type Word } from "./field.ts";

/**
 * How Debian's cron treats a line at a clock change: `wildcard` if its minute or hour field begins with `*` (or it is
 * `@hourly`), otherwise `fixed`.
 */
export type CronClass = "fixed" | "wildcard";

/** A crontab(5) expression as Debian's cron interprets it. */
export interface Cron {
  /** As the user wrote it, without blanks at the ends. */
  readonly text: string;
  /** Ascending, 0-59. */
  readonly minutes: readonly number[];
  /** Ascending, 0-23. */
  readonly hours: readonly number[];
  /** Ascending, 1-31. */
  readonly days: readonly number[];
  /** Ascending, 1-12. */
  readonly months: readonly number[];
  /** Ascending, 0-6, 0 is Sunday. */
  readonly weekdays: readonly number[];
  /** `and`: the day must match both day fields; `or`: either is enough. */
  readonly dayRule: "and" | "or";
  readonly class: CronClass;
}

/** Case-sensitive, as in cron. */
const MACROS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

const FIELD_COUNT = 5;
/** A crontab line has at most 998 characters. A schedule file may need more characters for the same times. */
const LONGEST = 4096;
const LAYOUT = "minute hour day month weekday";
/** Length of each month from January to December; February has its leap day. */
export const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Parses an expression as Debian's cron (3.0pl1) does. Rejects what cron accepts but interprets unexpectedly:
 * characters after a value, backward ranges, and dates that never occur.
 *
 * @throws CronSyntaxError
 */
export function parseCron(text: string): Cron {
  if (text.length > LONGEST) {
    throw new CronSyntaxError(
      `a cron expression has at most ${LONGEST} characters, but this one has ${text.length}`,
      0,
    );
  }
  const broken = /[\r\n\0]/.exec(text);
  if (broken !== null) {
    throw new CronSyntaxError(
      `a cron expression is one line, but this one contains ${escapeInvisible(broken[0])}`,
      broken.index,
    );
  }
  const words = [...text.matchAll(/[^ \t]+/g)].map((match): Word => ({ text: match[0], offset: match.index }));
  const [first, last] = [words[0], words.at(-1)];
  if (first === undefined || last === undefined)
    throw new CronSyntaxError("the cron expression is empty", 0, `Write five fields: ${LAYOUT}.`);
  const own = text.slice(first.offset, last.offset + last.text.length);
  if (first.text.startsWith("@")) return { ...parseFields(expandMacro(first, words)), text: own };
  return { ...parseFields(words), text: own };
}

function expandMacro({ text, offset }: Word, words: readonly Word[]): readonly Word[] {
  const meaning = Object.hasOwn(MACROS, text) ? MACROS[text] : undefined;
  if (text === "@reboot") {
    throw new CronSyntaxError(
      "@reboot is not a time: cron runs it whenever its daemon starts",
      offset,
      "Write a time, such as `@daily`.",
    );
  }
  if (meaning === undefined) {
    const known = Object.keys(MACROS).join(" ");
    throw new CronSyntaxError(`cron has no macro ${escapeInvisible(text)}`, offset, `Use ${known}.`);
  }
  const next = words[1];
  if (next !== undefined)
    throw new CronSyntaxError(`nothing may follow ${text}, but ${escapeInvisible(next.text)} does`, next.offset);
  return meaning.split(" ").map((word) => ({ text: word, offset }));
}

/** The times at which a cron expression fires, without the user's text. */
export type Times = Omit<Cron, "text">;

function parseFields(words: readonly Word[]): Times {
  const [minute, hour, day, month, weekday] = words;
  if (
    minute === undefined ||
    hour === undefined ||
    day === undefined ||
    month === undefined ||
    weekday === undefined ||
    words.length !== FIELD_COUNT
  ) {
    throw fieldCountError(words);
  }
  const starred = (word: Word): boolean => word.text.startsWith("*");
  const cron = {
    minutes: parseField(minute, MINUTE),
    hours: parseField(hour, HOUR),
    days: parseField(day, DAY),
    months: parseField(month, MONTH),
    weekdays: parseField(weekday, WEEKDAY),
    dayRule: starred(day) || starred(weekday) ? "and" : "or",
    class: starred(minute) || starred(hour) ? "wildcard" : "fixed",
  } as const;
  if (cron.dayRule === "and" && !cron.months.some((one) => (cron.days[0] ?? 0) <= (LONGEST_MONTH[one - 1] ?? 0))) {
    throw new CronSyntaxError(
      `the cron expression never fires: month ${month.text} has no day ${day.text}`,
      day.offset,
      "Choose a day that the month has; cron has no syntax for the last day of a month.",
    );
  }
  return cron;
}

function fieldCountError(words: readonly Word[]): CronSyntaxError {
  const [first] = words;
  const offset = first?.offset ?? 0;
  if (first !== undefined && /^[A-Za-z_]+=/.test(first.text)) {
    return new CronSyntaxError(
      `${escapeInvisible(first.text)} is not part of a cron expression`,
      offset,
      "Write time zones in the key `timezone`.",
    );
  }
  const count = words.length === 1 ? "1 field" : `${words.length} fields`;
  const message = `a cron expression has ${FIELD_COUNT} fields, but this one has ${count}`;
  if (words.length < FIELD_COUNT) return new CronSyntaxError(message, offset, `Write all five fields: ${LAYOUT}.`);
  const rest = words.slice(1, 1 + FIELD_COUNT).map(({ text }) => text);
  const known = words.length === 6 && first?.text === "0" ? `: write \`${rest.join(" ")}\`` : "";
  return new CronSyntaxError(message, offset, `Remove seconds or years: the fields are ${LAYOUT}${known}.`);
}
