import type { Cron } from "./expression.ts";

/** When a cron fires, without the user's words for it. */
export type Times = Omit<Cron, "text">;

const FIELDS = ["minutes", "hours", "days", "months", "weekdays"] as const;
/** Lowest and highest value of each. */
const BOUNDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;

/**
 * Times as one line for a program: every value of each field or `*` for all, then the day rule and the class, such as
 * `0,30 * * * 1,2,3 and wildcard`. A tick reads it with a few lines of code, where a user's cron takes a parser.
 */
export function renderTimes(cron: Times): string {
  const fields = FIELDS.map((field, index) => {
    const [low, high] = BOUNDS[index] ?? [0, 0];
    return cron[field].length === high - low + 1 ? "*" : cron[field].join();
  });
  return [...fields, cron.dayRule, cron.class].join(" ");
}

/** The times of such a line; `undefined` where it is none. */
export function parseTimes(line: string): Times | undefined {
  const [minutes, hours, days, months, weekdays, dayRule, ownClass, ...more] = line.split(" ");
  const fields = [minutes, hours, days, months, weekdays].map(parseValues);
  const [m, h, d, mon, w] = fields;
  if (m === undefined || h === undefined || d === undefined || mon === undefined || w === undefined) return undefined;
  if ((dayRule !== "and" && dayRule !== "or") || more.length > 0) return undefined;
  if (ownClass !== "fixed" && ownClass !== "wildcard") return undefined;
  return { minutes: m, hours: h, days: d, months: mon, weekdays: w, dayRule, class: ownClass };
}

function parseValues(text: string | undefined, index: number): readonly number[] | undefined {
  const [low, high] = BOUNDS[index] ?? [0, 0];
  if (text === "*") return Array.from({ length: high - low + 1 }, (_, value) => low + value);
  const values = (text ?? "").split(",").map(Number);
  const fits = text !== "" && values.every((value) => Number.isInteger(value) && value >= low && value <= high);
  return fits ? values : undefined;
}
