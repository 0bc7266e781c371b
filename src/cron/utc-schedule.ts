import { MINUTE_MS } from "../time-units.ts";
import { clockChanges } from "./clock-changes.ts";
import type { ZoneClock } from "./clock-handling.ts";
import type { Times } from "./expression.ts";
import { startsByClock } from "./occurrences.ts";
import type { Horizon } from "./zone-table.ts";

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
type DayPattern = string;

/** When a cron fires, by the day. */
type DayTimes = Pick<Times, "days" | "months" | "weekdays" | "dayRule">;

/** Days, months and weekdays that must all match. Ascending; a full list for every value. */
type DayRectangle = Pick<Times, "days" | "months" | "weekdays">;

/**
 * The days of a cron.
 *
 * @param shift -1, 0 or 1: by how many days the date of the clock that they are counted by is ahead. Day 1 may then be
 *   any last day of the month before, whatever the month: more days than are meant, but the same in every month
 * @param within months of the pattern to leave the others out of
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

/** The days of any of the patterns. */
function joinPatterns([first = "", ...more]: readonly DayPattern[]): DayPattern {
  if (more.length === 0) return first;
  const codes = Array.from(first, (_, index) =>
    more.reduce((mask, pattern) => mask | pattern.charCodeAt(index), first.charCodeAt(index)),
  );
  return String.fromCharCode(...codes);
}

/** A pattern in parts that have no day in common; each of them comes. */
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

/** Values that share a key, in the order in which the keys come up. */
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

/** Starts at every minute whose five values all stand in these lists: ascending, a full list for every value. */
export type TimeSet = Pick<Times, "minutes" | "hours" | "days" | "months" | "weekdays">;

/** On which days, for each minute of the day. */
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

/** The minutes of a day at which a cron starts, on the days that it does. */
const minutesOfDay = ({ minutes, hours }: Times): readonly number[] =>
  hours.flatMap((hour) => minutes.map((minute) => hour * HOUR_MINUTES + minute));

/** Adds days to a minute. */
function addDays(days: DaysByMinute, minute: number, pattern: DayPattern): void {
  const known = days.get(minute) ?? [];
  if (!known.includes(pattern)) days.set(minute, [...known, pattern]);
}

/** As few sets as are easily found; no instant stands in two. */
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
/** Shorter than any month. */
const STRIDE_MS = 20 * 86_400_000;

/**
 * Times in UTC that hold every instant at which a cron is due by a zone's clock within the horizon, for schedulers whose
 * own reading of a changing clock differs from cron's. The run decides: some are not due.
 *
 * They are close: each offset of the zone has times of its own, in the months only in which the zone keeps it, and on the
 * cron's days as UTC calls them. No instant stands in two sets.
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

/** For each offset of the zone, in minutes, the months (by UTC) in which it may hold. */
function monthsByOffset(clock: ZoneClock, { from, to }: Horizon): ReadonlyMap<number, ReadonlySet<number>> {
  const found = new Map<number, Set<number>>();
  for (let at = from; at < to; ) {
    const { endAt, offset } = clock.segmentAt(at);
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

/** Adds the minutes that cron runs after a clock has gone forward, at the instant of the change. */
function addMadeUp(days: DaysByMinute, cron: Times, clock: ZoneClock, { from, to }: Horizon): void {
  const landings = new Map<number, Date[]>();
  for (const { at, before, after } of clockChanges(clock, from - 1, to)) {
    if (after < before || startsByClock(cron, clock, { from: at, to: at + MINUTE_MS }).next().done === true) continue;
    const minute = Math.floor(at / MINUTE_MS) % DAY_MINUTES;
    landings.set(minute, [...(landings.get(minute) ?? []), new Date(at)]);
  }
  for (const [minute, dates] of landings) addDays(days, minute, dayPattern(daysAround(dates), 0));
}

/** The dates, and the days of the month between them: in other years the clock goes forward on those. */
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
