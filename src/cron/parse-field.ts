import { CronFault } from "./fault.ts";
import { type Field, HOUR, MINUTE, WEEKDAY } from "./fields.ts";
import { explainForeign } from "./foreign.ts";

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
  if (item === "") throw fault(`${name} has an empty place in its list`, "Take the extra comma away.");
  const parts = ITEM.exec(item);
  if (parts === null) throw explainForeign(item, field, offset);
  const [, firstWord, lastWord, stepWord] = parts;
  const step = stepWord === undefined ? 1 : readNumber(stepWord, `step of ${name}`, offset);
  if (step === 0) throw fault(`${name} ${item} has a step of 0`, "A step is 1 or more.");
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
      `${name} ${item} runs backwards and selects nothing in cron`,
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
