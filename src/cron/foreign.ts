import { CronFault } from "./fault.ts";
import type { Field } from "./fields.ts";

/** The signs of other schedulers, and what cron has instead. The first that fits is told. */
const SIGNS: readonly { readonly sign: RegExp; readonly says: string; readonly hint: (item: string) => string }[] = [
  {
    sign: /^\?/,
    says: "`?` is Quartz's",
    hint: () => "Write `*`.",
  },
  {
    sign: /^[A-Za-z0-9]+#/,
    says: "`#` (the n-th weekday of a month) is Quartz's; cron reads what stands before it and ignores the rest",
    hint: () => "cron cannot say it: days 8-14 together with weekday 1 mean either of them, not the second Monday.",
  },
  {
    sign: /^(?:[A-Za-z]{3}|[0-9]+)?L(?:W|-[0-9]+)?$/i,
    says: "`L` (the last) is Quartz's",
    hint: () => "cron cannot say the last day of a month: choose the 28th, or the 1st of the next month.",
  },
  {
    sign: /^[0-9]+W$/i,
    says: "`W` (the nearest working day) is Quartz's",
    hint: () => "cron cannot say it: choose a day of the month, or weekdays 1-5.",
  },
  {
    sign: /^H(?:$|[/(])/,
    says: "`H` (a value of its choice) is Jenkins's",
    hint: () => "Choose a number.",
  },
  {
    sign: /~/,
    says: "`~` (a random value) is cronie's",
    hint: () => "Choose a number.",
  },
];

/** A fault that names what an item that is none of cron's was probably meant to be. */
export function explainForeign(item: string, field: Field, offset: number): CronFault {
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
