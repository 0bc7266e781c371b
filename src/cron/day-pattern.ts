import type { Times } from "./expression.ts";

const MONTHS = 12;
const DAYS = 31;
const WEEKDAYS = 7;
/** The leap day counts: it comes. */
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const EVERY_WEEKDAY = (1 << WEEKDAYS) - 1;
/** Each may be the last of its month. */
const LAST_DAYS = [28, 29, 30, 31];
const EARLIEST_LAST = 28;

/**
 * Days as a scheduler without years sees them: for each month, and in it for each day to 31, on which weekdays. A
 * character each, its code one bit for each weekday.
 */
export type DayPattern = string;

/** When a cron fires, by the day. */
export type DayTimes = Pick<Times, "days" | "months" | "weekdays" | "dayRule">;

/** Days, months and weekdays that must all match. Ascending; a full list for every value. */
export type DayRectangle = Pick<Times, "days" | "months" | "weekdays">;

/**
 * The days of a cron.
 *
 * @param shift -1, 0 or 1: by how many days the date of the clock that they are counted by is ahead. Day 1 may then be
 *   any last day of the month before, whatever the month: more days than are meant, but the same in every month
 * @param within months of the pattern to leave the others out of
 */
export function dayPattern(cron: DayTimes, shift: number, within?: ReadonlySet<number>): DayPattern {
  const own = maskOf(cron.weekdays);
  const pattern = new Array<number>(MONTHS * DAYS).fill(0);
  for (const month of cron.months) {
    for (let day = 1; day <= DAYS; day++) {
      const byDay = cron.days.includes(day);
      const mask = cron.dayRule === "and" ? (byDay ? own : 0) : byDay ? EVERY_WEEKDAY : own;
      if (mask === 0) continue;
      for (const [atMonth, atDay] of shifted(month, day, shift)) {
        if (within?.has(atMonth) === false) continue;
        const index = (atMonth - 1) * DAYS + atDay - 1;
        pattern[index] = (pattern[index] ?? 0) | shiftedMask(mask, shift);
      }
    }
  }
  return String.fromCharCode(...pattern);
}

/** The days of any of the patterns. */
export function joinPatterns([first = "", ...more]: readonly DayPattern[]): DayPattern {
  if (more.length === 0) return first;
  const codes = Array.from(first, (_, index) =>
    more.reduce((mask, pattern) => mask | pattern.charCodeAt(index), first.charCodeAt(index)),
  );
  return String.fromCharCode(...codes);
}

/** A pattern in parts that have no day in common; each of them comes. */
export function dayRectangles(pattern: DayPattern): readonly DayRectangle[] {
  const ofMonth = (month: number): string => pattern.slice((month - 1) * DAYS, month * DAYS);
  return groupBy(upTo(MONTHS), ofMonth).flatMap(([masks, months]) => {
    const longest = Math.max(...months.map((month) => LONGEST_MONTH[month - 1] ?? 0));
    return groupBy(upTo(longest), (day) => masks.charAt(day - 1)).flatMap(([mask, days]) => {
      const weekdays = valuesOf(mask.charCodeAt(0));
      return weekdays.length === 0 ? [] : [{ days: days.length === longest ? upTo(DAYS) : days, months, weekdays }];
    });
  });
}

/** Values that share a key, in the order in which the keys come up. */
export function groupBy(
  values: readonly number[],
  keyOf: (value: number) => string,
): readonly (readonly [key: string, values: readonly number[]])[] {
  const groups = new Map<string, number[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return [...groups];
}

function shifted(month: number, day: number, shift: number): readonly (readonly [month: number, day: number])[] {
  if (shift === 0) return [[month, day]];
  if (shift > 0) {
    const next = day < DAYS ? ([[month, day + 1]] as const) : [];
    return day < EARLIEST_LAST ? next : [...next, [(month % MONTHS) + 1, 1]];
  }
  if (day > 1) return [[month, day - 1]];
  const before = month === 1 ? MONTHS : month - 1;
  return LAST_DAYS.map((last) => [before, last]);
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

const maskOf = (weekdays: readonly number[]): number => weekdays.reduce((mask, weekday) => mask | (1 << weekday), 0);

const valuesOf = (mask: number): readonly number[] =>
  Array.from({ length: WEEKDAYS }, (_, weekday) => weekday).filter((weekday) => (mask & (1 << weekday)) !== 0);

const shiftedMask = (mask: number, shift: number): number =>
  maskOf(valuesOf(mask).map((weekday) => (weekday + shift + WEEKDAYS) % WEEKDAYS));
