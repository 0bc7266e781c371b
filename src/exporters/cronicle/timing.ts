import type { Cron } from "../../cron/expression.ts";

/**
 * When Cronicle starts an event, by its own names: each list is all that matches, a list that is absent is "every", and
 * all of them must match, days and weekdays too. Weekdays are 0-6, 0 is Sunday.
 */
export interface CronicleTiming {
  readonly minutes?: readonly number[];
  readonly hours?: readonly number[];
  readonly days?: readonly number[];
  readonly months?: readonly number[];
  readonly weekdays?: readonly number[];
}

/** The lists of a timing, and how many values make each of them "every". */
export const TIMING_LISTS = [
  ["minutes", 60],
  ["hours", 24],
  ["days", 31],
  ["months", 12],
  ["weekdays", 7],
] as const satisfies readonly (readonly [keyof CronicleTiming, number])[];

/** Days of the month that every month may have, at its longest. */
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const ALL_DAYS = Array.from({ length: 31 }, (_, index) => index + 1);

/** A timing in one form: ascending, each value once, "every" left out. */
export function plainTiming(timing: CronicleTiming): CronicleTiming {
  const lists = TIMING_LISTS.flatMap(([list, all]) => {
    const values = [...new Set(timing[list] ?? [])].sort((a, b) => a - b);
    return values.length === 0 || values.length === all ? [] : [[list, values] as const];
  });
  return Object.fromEntries(lists);
}

/**
 * The timings that together start what a cron starts; no two of them at the same minute.
 *
 * A cron whose day fields are an "or" takes two: its days of the month, and its weekdays on all other days.
 */
export function cronTimings({ minutes, hours, days, months, weekdays, dayRule }: Cron): readonly CronicleTiming[] {
  const times = { minutes, hours, months };
  if (dayRule === "and") return [plainTiming({ ...times, days, weekdays })];
  if (days.length === ALL_DAYS.length || weekdays.length === 7) return [plainTiming(times)];
  // `0 0 31 2 1` fires on Mondays alone.
  const comes = months.some((month) => (days[0] ?? 0) <= (LONGEST_MONTH[month - 1] ?? 0));
  const otherDays = ALL_DAYS.filter((day) => !days.includes(day));
  return [...(comes ? [plainTiming({ ...times, days })] : []), plainTiming({ ...times, weekdays, days: otherDays })];
}

/** Minutes of a day, on every day, as timings: one for all hours that share their minutes. */
export function minuteTimings(minutesOfDay: Iterable<number>): readonly CronicleTiming[] {
  const byHour = new Map<number, number[]>();
  for (const minute of [...new Set(minutesOfDay)].sort((a, b) => a - b)) {
    const hour = Math.floor(minute / 60);
    byHour.set(hour, [...(byHour.get(hour) ?? []), minute % 60]);
  }
  const hoursOf = new Map<string, { readonly minutes: readonly number[]; readonly hours: number[] }>();
  for (const [hour, minutes] of byHour) {
    const same = hoursOf.get(minutes.join());
    if (same === undefined) hoursOf.set(minutes.join(), { minutes, hours: [hour] });
    else same.hours.push(hour);
  }
  return [...hoursOf.values()].map(plainTiming);
}
