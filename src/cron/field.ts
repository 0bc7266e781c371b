/** A text is not a valid cron expression. The schedule parser turns this into a problem with its place. */
export class CronFault extends Error {
  /** The correct syntax if the meaning is clear, otherwise what cron supports. */
  readonly hint: string | undefined;
  /** Offset of the invalid item in the text, from 0. */
  readonly offset: number;

  constructor(message: string, offset: number, hint?: string) {
    super(message);
    this.name = "CronFault";
    this.offset = offset;
    this.hint = hint;
  }
}

/** One of the five fields: its name in messages, its bounds, and its names for numbers. */
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
/** 0 and 7 are Sunday. A `*` stands for all eight, so a step of 7 selects 0 and 7, as in cron. */
export const WEEKDAY: Field = { name: "weekday", low: 0, high: 7, names: WEEKDAYS };

/** Syntax of other schedulers, and the equivalent in cron. The first match is reported. */
const SIGNS: readonly { readonly sign: RegExp; readonly says: string; readonly hint: (item: string) => string }[] = [
  {
    sign: /^\?/,
    says: "`?` is Quartz syntax",
    hint: () => "Write `*`.",
  },
  {
    sign: /^[A-Za-z0-9]+#/,
    says: "`#` (the n-th weekday of a month) is Quartz syntax; cron ignores it and what follows",
    hint: () =>
      "cron has no syntax for this: days 8-14 together with weekday 1 mean either of them, not the second Monday.",
  },
  {
    sign: /^(?:[A-Za-z]{3}|[0-9]+)?L(?:W|-[0-9]+)?$/i,
    says: "`L` (the last) is Quartz syntax",
    hint: () => "cron has no syntax for the last day of a month: choose the 28th, or the 1st of the next month.",
  },
  {
    sign: /^[0-9]+W$/i,
    says: "`W` (the nearest working day) is Quartz syntax",
    hint: () => "cron has no syntax for this: choose a day of the month, or weekdays 1-5.",
  },
  {
    sign: /^H(?:$|[/(])/,
    says: "`H` (a value that Jenkins chooses) is Jenkins syntax",
    hint: () => "Choose a number.",
  },
  {
    sign: /~/,
    says: "`~` (a random value) is cronie syntax",
    hint: () => "Choose a number.",
  },
];

/** An error that names the scheduler whose syntax the item probably is. */
function explainForeign(item: string, field: Field, offset: number): CronFault {
  const shown = printable(item);
  const sign = SIGNS.find(({ sign }) => sign.test(item));
  if (sign !== undefined) return new CronFault(`${field.name} ${shown}: ${sign.says}`, offset, sign.hint(item));
  return new CronFault(`${field.name} ${shown} is not understood`, offset, wayOut(item, field));
}

function wayOut(item: string, { name, low, high, names }: Field): string {
  const word = /[A-Za-z]{4,}/.exec(item)?.[0];
  const short = word?.slice(0, 3).toLowerCase() ?? "";
  if (names.includes(short)) return `Names have three letters: write \`${short}\`.`;
  const known = names.length === 0 ? "" : `, or the names ${names[0]} to ${names.at(-1)}`;
  return `A ${name} is \`*\`, a number ${low}-${high}, a range, a step such as \`*/2\`, or a list of these${known}.`;
}

/** Characters that a terminal would hide, as their code. */
export function printable(text: string): string {
  return text.replace(
    /[^\x21-\x7e\p{L}\p{N}\p{P}\p{S}]/gu,
    (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

/** cron's C parser counts in 32 bits; ten digits may wrap round to a value that looks good. */
const MOST_DIGITS = 9;
const ITEM = /^(?:\*|([A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?)(?:\/([0-9]+))?$/;

/**
 * The values a field selects, ascending, each once; weekday 7 as 0.
 *
 * A field is items joined by `,`; an item is `*`, `v` or `v-v`, and `*` and `v-v` may have a step behind a `/`.
 *
 * @param offset where `text` begins in the whole cron
 * @throws CronFault
 */
export function parseField(text: string, field: Field, offset: number): readonly number[] {
  const values = new Set<number>();
  let at = offset;
  for (const item of text.split(",")) {
    for (const value of itemValues(item, field, at)) values.add(field === WEEKDAY ? value % 7 : value);
    at += item.length + 1;
  }
  return [...values].sort((a, b) => a - b);
}

function itemValues(item: string, field: Field, offset: number): number[] {
  const fault = (message: string, hint?: string): CronFault => new CronFault(message, offset, hint);
  const { name, low, high } = field;
  if (item === "") throw fault(`${name} has an empty item in its list`, "Remove the extra comma.");
  const parts = ITEM.exec(item);
  if (parts === null) throw explainForeign(item, field, offset);
  const [, firstWord, lastWord, stepWord] = parts;
  const step = stepWord === undefined ? 1 : readNumber(stepWord, `step of ${name}`, offset);
  if (step === 0) throw fault(`${name} ${item} has a step of 0`, "Use a step of 1 or more.");
  if (firstWord === undefined) return sequence(low, high, step);

  const first = readValue(firstWord, item, field, offset);
  if (lastWord === undefined) {
    if (stepWord === undefined) return [first];
    // The idiom of other schedulers for "from v on"; `*` only where it does not turn the day rule.
    const start = field === WEEKDAY ? first % 7 : first;
    const meant = first === low && (field === MINUTE || field === HOUR) ? "*" : `${start}-${lastOf(field)}`;
    throw fault(`${name} ${item} has a step without a range`, `Write \`${meant}/${stepWord}\`.`);
  }
  const last = readValue(lastWord, item, field, offset);
  if (first > last) {
    throw fault(
      `${name} ${item} is a backward range, which selects nothing in cron`,
      `Write \`${turned(first, last, step, field)}\`.`,
    );
  }
  return sequence(first, last, step);
}

function readNumber(word: string, what: string, offset: number): number {
  if (word.length <= MOST_DIGITS) return Number(word);
  throw new CronFault(`${what} ${word} has more than ${MOST_DIGITS} digits`, offset);
}

function readValue(word: string, item: string, field: Field, offset: number): number {
  const { name, low, high, names } = field;
  if (/^[0-9]+$/.test(word)) {
    const value = readNumber(word, name, offset);
    if (value >= low && value <= high) return value;
    throw new CronFault(`${name} ${word} is outside ${low}-${high}`, offset);
  }
  const index = names.indexOf(word.toLowerCase());
  if (index !== -1) return low + index;
  throw explainForeign(item, field, offset);
}

/** The largest value that is not another name of a smaller one. */
const lastOf = (field: Field): number => (field === WEEKDAY ? 6 : field.high);

/** A backward range as what it was meant to say: `22-2` is `22-23,0-2`, `fri-sun` is `5-7`. */
function turned(first: number, last: number, step: number, field: Field): string {
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
