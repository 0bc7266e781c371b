import { DAY_MS, MINUTE_MS } from "../time-units.ts";
import { clockChanges } from "./clock-changes.ts";
import type { ZoneClock } from "./clock-handling.ts";
import { LONGEST_MONTH, type Times } from "./expression.ts";
import { startsByClock } from "./occurrences.ts";
import type { Horizon } from "./zone-table.ts";

const MONTHS = 12;
const DAYS = 31;
const WEEKDAYS = 7;
const EVERY_WEEKDAY = (1 << WEEKDAYS) - 1;
/** Days that may be the last of their month. */
const LAST_DAYS = [28, 29, 30, 31];
const EARLIEST_LAST = 28;

/**
 * The days of any year: one character for each month and each day from 1 to 31. Its code has one bit for each weekday on
 * which the day is included.
 */
type DayPattern = string;

/** The day fields of a cron expression. */
type DayTimes = Pick<Times, "days" | "months" | "weekdays" | "dayRule">;

/** Days, months and weekdays that must all match. Ascending; a full list for every value. */
type DayRectangle = Pick<Times, "days" | "months" | "weekdays">;

/**
 * The days of a cron expression as a pattern.
 *
 * @param shift days to add to each date: -1, 0 or 1. The day before day 1 may be any possible last day of the month
 *   before, so the pattern may contain more days than necessary
 * @param within months to include; default: all
 */
function dayPattern(cron: DayTimes, shift: number, within?: ReadonlySet<number>): DayPattern {
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

/** The union of the patterns. */
function joinPatterns([first = "", ...more]: readonly DayPattern[]): DayPattern {
  if (more.length === 0) return first;
  const codes = Array.from(first, (_, index) =>
    more.reduce((mask, pattern) => mask | pattern.charCodeAt(index), first.charCodeAt(index)),
  );
  return String.fromCharCode(...codes);
}

/** Splits a pattern into disjoint rectangles, without days that never occur. */
function dayRectangles(pattern: DayPattern): readonly DayRectangle[] {
  const ofMonth = (month: number): string => pattern.slice((month - 1) * DAYS, month * DAYS);
  return groupBy(upTo(MONTHS), ofMonth).flatMap(([masks, months]) => {
    const longest = Math.max(...months.map((month) => LONGEST_MONTH[month - 1] ?? 0));
    return groupBy(upTo(longest), (day) => masks.charAt(day - 1)).flatMap(([mask, days]) => {
      const weekdays = valuesOf(mask.charCodeAt(0));
      return weekdays.length === 0 ? [] : [{ days: days.length === longest ? upTo(DAYS) : days, months, weekdays }];
    });
  });
}

/** Groups values by key, in the order of the keys' first appearance. */
function groupBy(
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

const HOUR_MINUTES = 60;

/** Starts at every minute for which each list contains its value. Ascending; a full list for every value. */
export type TimeSet = Pick<Times, "minutes" | "hours" | "days" | "months" | "weekdays">;

/** The day patterns of each minute of the day. */
type DaysByMinute = Map<number, readonly DayPattern[]>;

/**
 * The starts of cron expressions by a clock that never changes, for schedulers that require all five fields to match.
 * No instant is in two sets.
 */
export function exactSets(crons: readonly Times[]): readonly TimeSet[] {
  const days: DaysByMinute = new Map();
  for (const cron of crons) {
    const pattern = dayPattern(cron, 0);
    for (const minute of minutesOfDay(cron)) addDays(days, minute, pattern);
  }
  return setsOf(days);
}

/** The minutes of the day at which a cron expression fires. */
const minutesOfDay = ({ minutes, hours }: Times): readonly number[] =>
  hours.flatMap((hour) => minutes.map((minute) => hour * HOUR_MINUTES + minute));

function addDays(days: DaysByMinute, minute: number, pattern: DayPattern): void {
  const known = days.get(minute) ?? [];
  if (!known.includes(pattern)) days.set(minute, [...known, pattern]);
}

/** Combines minutes with the same days into sets. No instant is in two sets. */
function setsOf(days: DaysByMinute): readonly TimeSet[] {
  const joined = new Map<string, DayPattern>();
  const patternOf = (minute: number): DayPattern => {
    const patterns = days.get(minute) ?? [];
    const key = patterns.join("");
    const known = joined.get(key) ?? joinPatterns(patterns);
    joined.set(key, known);
    return known;
  };
  const minutes = [...days.keys()].sort((one, other) => one - other);
  return groupBy(minutes, patternOf).flatMap(([pattern, sharing]) => {
    const rectangles = dayRectangles(pattern);
    return timesOf(sharing).flatMap((times) => rectangles.map((rectangle) => ({ ...times, ...rectangle })));
  });
}

/** Minutes of the day as minutes and hours; hours with the same minutes are grouped. */
function timesOf(minutes: readonly number[]): readonly Pick<TimeSet, "minutes" | "hours">[] {
  const byHour = groupBy(minutes, (minute) => String(Math.floor(minute / HOUR_MINUTES)));
  const minutesIn = new Map(byHour.map(([hour, own]) => [Number(hour), own.map((minute) => minute % HOUR_MINUTES)]));
  return groupBy([...minutesIn.keys()], (hour) => String(minutesIn.get(hour))).map(([, hours]) => ({
    minutes: minutesIn.get(hours[0] ?? 0) ?? [],
    hours,
  }));
}

const DAY_MINUTES = 1440;
/** Shorter than any month, so that no month is skipped. */
const STRIDE_MS = 20 * DAY_MS;

/**
 * Times in UTC that include every instant at which a cron expression is due in a zone within the horizon. They are for
 * schedulers that handle clock changes differently from cron. Some of them are not due; the run checks that.
 *
 * There are few such extra times: each offset of the zone has its own times, only in the months in which the zone has
 * that offset, on the matching UTC dates. No instant is in two sets.
 */
export function utcCandidates(crons: readonly Times[], clock: ZoneClock, horizon: Horizon): readonly TimeSet[] {
  const days: DaysByMinute = new Map();
  const offsets = monthsByOffset(clock, horizon);
  for (const cron of crons) {
    for (const [offset, months] of offsets) addTimes(days, cron, offset, months);
    addMadeUp(days, cron, clock, horizon);
  }
  return setsOf(days);
}

/** The months (in UTC) in which the zone may have each of its offsets, by offset in minutes. */
function monthsByOffset(clock: ZoneClock, { from, to }: Horizon): ReadonlyMap<number, ReadonlySet<number>> {
  const found = new Map<number, Set<number>>();
  for (let at = from; at < to; ) {
    const { endAt, offset } = clock.intervalAt(at);
    const minutes = offset / MINUTE_MS;
    const months = found.get(minutes) ?? new Set();
    found.set(minutes, months);
    const end = Math.min(endAt, to);
    for (let day = at; months.size < 12 && day < end; day += STRIDE_MS) months.add(monthOf(day));
    months.add(monthOf(end - 1));
    at = endAt;
  }
  return found;
}

const monthOf = (at: number): number => new Date(at).getUTCMonth() + 1;

function addTimes(days: DaysByMinute, cron: Times, offset: number, months: ReadonlySet<number>): void {
  const patterns = new Map<number, string>();
  for (const own of minutesOfDay(cron)) {
    const minute = Math.floor(own - offset);
    const shift = Math.floor(minute / DAY_MINUTES);
    const pattern = patterns.get(shift) ?? dayPattern(cron, shift, months);
    patterns.set(shift, pattern);
    addDays(days, minute - shift * DAY_MINUTES, pattern);
  }
}

/** Adds the instants of clock changes at which cron runs the lines of the skipped minutes. */
function addMadeUp(days: DaysByMinute, cron: Times, clock: ZoneClock, { from, to }: Horizon): void {
  const landings = new Map<number, Date[]>();
  for (const { at, before, after } of clockChanges(clock, { from: from - 1, to })) {
    if (after < before || startsByClock(cron, clock, { from: at, to: at + MINUTE_MS }).next().done === true) continue;
    const minute = Math.floor(at / MINUTE_MS) % DAY_MINUTES;
    landings.set(minute, [...(landings.get(minute) ?? []), new Date(at)]);
  }
  for (const [minute, dates] of landings) addDays(days, minute, dayPattern(daysAround(dates), 0));
}

/** The dates and the days of the month between them, because the clock change is on another of these days each year. */
function daysAround(dates: readonly Date[]): DayTimes {
  const days = dates.map((date) => date.getUTCDate());
  const first = Math.min(...days);
  return {
    days: Array.from({ length: Math.max(...days) - first + 1 }, (_, index) => first + index),
    months: dates.map((date) => date.getUTCMonth() + 1),
    weekdays: dates.map((date) => date.getUTCDay()),
    dayRule: "and",
  };
}
