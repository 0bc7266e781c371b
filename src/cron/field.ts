/** A string is not a valid cron expression. The schedule parser turns this into a diagnostic. */
export class CronSyntaxError extends Error {
  /** The correct syntax if the meaning is clear, otherwise what cron supports. */
  readonly hint: string | undefined;
  /** Offset of the invalid item in the text, from 0. */
  readonly offset: number;

  constructor(message: string, offset: number, hint?: string) {
    super(message);
    this.name = "CronSyntaxError";
    this.offset = offset;
    this.hint = hint;
  }
}

/** A part of an expression between blanks. */
export interface Word {
  readonly text: string;
  /** Offset in the expression, from 0. */
  readonly offset: number;
}

/** One of the five fields: its name in messages, its bounds, and the names that stand for its numbers. */
export interface Field {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly names: readonly string[];
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

export const MINUTE: Field = { name: "minute", low: 0, high: 59, names: [] };
export const HOUR: Field = { name: "hour", low: 0, high: 23, names: [] };
export const DAY: Field = { name: "day", low: 1, high: 31, names: [] };
export const MONTH: Field = { name: "month", low: 1, high: 12, names: MONTHS };
/** 0 and 7 are Sunday. As in cron, `*` selects all eight values, so a step of 7 selects 0 and 7. */
export const WEEKDAY: Field = { name: "weekday", low: 0, high: 7, names: WEEKDAYS };

/** Syntax of other schedulers, and the equivalent in cron. The first match is reported. */
const SIGNS: readonly { readonly sign: RegExp; readonly message: string; readonly hint: (item: string) => string }[] = [
  {
    sign: /^\?/,
    message: "`?` is Quartz syntax",
    hint: () => "Write `*`.",
  },
  {
    sign: /^[A-Za-z0-9]+#/,
    message: "`#` (the n-th weekday of a month) is Quartz syntax; cron ignores it and what follows",
    hint: () =>
      "cron has no syntax for this: days 8-14 together with weekday 1 mean either of them, not the second Monday.",
  },
  {
    sign: /^(?:[A-Za-z]{3}|[0-9]+)?L(?:W|-[0-9]+)?$/i,
    message: "`L` (the last) is Quartz syntax",
    hint: () => "cron has no syntax for the last day of a month: choose the 28th, or the 1st of the next month.",
  },
  {
    sign: /^[0-9]+W$/i,
    message: "`W` (the nearest working day) is Quartz syntax",
    hint: () => "cron has no syntax for this: choose a day of the month, or weekdays 1-5.",
  },
  {
    sign: /^H(?:$|[/(])/,
    message: "`H` (a value that Jenkins chooses) is Jenkins syntax",
    hint: () => "Choose a number.",
  },
  {
    sign: /~/,
    message: "`~` (a random value) is cronie syntax",
    hint: () => "Choose a number.",
  },
];

/** An error that names the scheduler whose syntax the item probably is. */
function foreignSyntaxError({ text, offset }: Word, field: Field): CronSyntaxError {
  const shown = escapeInvisible(text);
  const sign = SIGNS.find(({ sign }) => sign.test(text));
  if (sign !== undefined)
    return new CronSyntaxError(`${field.name} ${shown}: ${sign.message}`, offset, sign.hint(text));
  return new CronSyntaxError(`${field.name} ${shown} is not understood`, offset, fieldHint(text, field));
}

function fieldHint(item: string, { name, low, high, names }: Field): string {
  const word = /[A-Za-z]{4,}/.exec(item)?.[0];
  const short = word?.slice(0, 3).toLowerCase() ?? "";
  if (names.includes(short)) return `Names have three letters: write \`${short}\`.`;
  const known = names.length === 0 ? "" : `, or the names ${names[0]} to ${names.at(-1)}`;
  return `A ${name} is \`*\`, a number ${low}-${high}, a range, a step such as \`*/2\`, or a list of these${known}.`;
}

/** Replaces characters that a terminal would hide by their code. */
export function escapeInvisible(text: string): string {
  return text.replace(
    /[^\x21-\x7e\p{L}\p{N}\p{P}\p{S}]/gu,
    (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

/** cron's C parser uses 32-bit integers; ten digits may overflow to a valid value. */
const MAX_DIGITS = 9;
const ITEM = /^(?:\*|([A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?)(?:\/([0-9]+))?$/;

/**
 * Parses one field into the values that it selects, ascending, each once; weekday 7 becomes 0.
 *
 * A field is a list of items separated by `,`. An item is `*`, `v` or `v-v`; `*` and `v-v` may have a step after a `/`.
 *
 * @throws CronSyntaxError
 */
export function parseField({ text, offset }: Word, field: Field): readonly number[] {
  const values = new Set<number>();
  let at = offset;
  for (const item of text.split(",")) {
    for (const value of itemValues({ text: item, offset: at }, field))
      values.add(field === WEEKDAY ? value % 7 : value);
    at += item.length + 1;
  }
  return [...values].sort((a, b) => a - b);
}

function itemValues(item: Word, field: Field): number[] {
  const { text, offset } = item;
  const syntaxError = (message: string, hint?: string): CronSyntaxError => new CronSyntaxError(message, offset, hint);
  const { name, low, high } = field;
  if (text === "") throw syntaxError(`${name} has an empty item in its list`, "Remove the extra comma.");
  const parts = ITEM.exec(text);
  if (parts === null) throw foreignSyntaxError(item, field);
  const [, firstWord, lastWord, stepWord] = parts;
  const step = stepWord === undefined ? 1 : readNumber({ text: stepWord, offset }, `step of ${name}`);
  if (step === 0) throw syntaxError(`${name} ${text} has a step of 0`, "Use a step of 1 or more.");
  if (firstWord === undefined) return sequence(low, high, step);

  const first = readValue(firstWord, item, field);
  if (lastWord === undefined) {
    if (stepWord === undefined) return [first];
    // Other schedulers write this for "from v on". Suggest `*` only in fields where it does not change the day rule.
    const start = field === WEEKDAY ? first % 7 : first;
    const meant = first === low && (field === MINUTE || field === HOUR) ? "*" : `${start}-${lastOf(field)}`;
    throw syntaxError(`${name} ${text} has a step without a range`, `Write \`${meant}/${stepWord}\`.`);
  }
  const last = readValue(lastWord, item, field);
  if (first > last) {
    throw syntaxError(
      `${name} ${text} is a backward range, which selects nothing in cron`,
      `Write \`${suggestRanges(first, last, step, field)}\`.`,
    );
  }
  return sequence(first, last, step);
}

function readNumber({ text, offset }: Word, what: string): number {
  if (text.length <= MAX_DIGITS) return Number(text);
  throw new CronSyntaxError(`${what} ${text} has more than ${MAX_DIGITS} digits`, offset);
}

function readValue(word: string, item: Word, field: Field): number {
  const { name, low, high, names } = field;
  if (/^[0-9]+$/.test(word)) {
    const value = readNumber({ text: word, offset: item.offset }, name);
    if (value >= low && value <= high) return value;
    throw new CronSyntaxError(`${name} ${word} is outside ${low}-${high}`, item.offset);
  }
  const index = names.indexOf(word.toLowerCase());
  if (index !== -1) return low + index;
  throw foreignSyntaxError(item, field);
}

/** The largest value of a field; weekday 7 is another name of 0. */
const lastOf = (field: Field): number => (field === WEEKDAY ? 6 : field.high);

/** The valid form of a backward range: `22-23,0-2` for `22-2`, and `5-7` for `fri-sun`. */
function suggestRanges(first: number, last: number, step: number, field: Field): string {
  const top = lastOf(field);
  if (step > 1) {
    const span = top - field.low + 1;
    return sequence(first, last + span, step)
      .map((value) => (value > top ? value - span : value))
      .join(",");
  }
  if (field === WEEKDAY && first === 7) return rangeText(0, last);
  if (field === WEEKDAY && last === 0) return `${first}-7`;
  return `${rangeText(first, top)},${rangeText(field.low, last)}`;
}

const rangeText = (first: number, last: number): string => (first === last ? `${first}` : `${first}-${last}`);

function sequence(first: number, last: number, step: number): number[] {
  const values: number[] = [];
  for (let value = first; value <= last; value += step) values.push(value);
  return values;
}
