import { type DayPattern, dayPattern, dayRectangles, groupBy, joinPatterns } from "./day-pattern.ts";
import type { Times } from "./expression.ts";

const HOUR_MINUTES = 60;

/** Starts at every minute whose five values all stand in these lists: ascending, a full list for every value. */
export type TimeSet = Pick<Times, "minutes" | "hours" | "days" | "months" | "weekdays">;

/** On which days, for each minute of the day. */
export type DaysByMinute = Map<number, readonly DayPattern[]>;

/**
 * When crons start a line by a clock that never changes, for schedulers that ask for all five fields. No instant stands
 * in two sets.
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
export const minutesOfDay = ({ minutes, hours }: Times): readonly number[] =>
  hours.flatMap((hour) => minutes.map((minute) => hour * HOUR_MINUTES + minute));

/** Adds days to a minute. */
export function addDays(days: DaysByMinute, minute: number, pattern: DayPattern): void {
  const known = days.get(minute) ?? [];
  if (!known.includes(pattern)) days.set(minute, [...known, pattern]);
}

/** As few sets as are easily found; no instant stands in two. */
export function setsOf(days: DaysByMinute): readonly TimeSet[] {
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

/** Minutes of the day as minutes and hours: hours that have the same minutes stand together. */
function timesOf(minutes: readonly number[]): readonly Pick<TimeSet, "minutes" | "hours">[] {
  const byHour = groupBy(minutes, (minute) => String(Math.floor(minute / HOUR_MINUTES)));
  const minutesIn = new Map(byHour.map(([hour, own]) => [Number(hour), own.map((minute) => minute % HOUR_MINUTES)]));
  return groupBy([...minutesIn.keys()], (hour) => String(minutesIn.get(hour))).map(([, hours]) => ({
    minutes: minutesIn.get(hours[0] ?? 0) ?? [],
    hours,
  }));
}
