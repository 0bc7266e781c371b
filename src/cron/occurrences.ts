import { DAY_MS, MINUTE_MS } from "../time-units.ts";
import { type ClockHandling, clockIntervals, type ZoneClock } from "./clock-handling.ts";
import type { Times } from "./expression.ts";
import type { Horizon } from "./zone-table.ts";

/** 9999-12-31: later dates have a different ISO 8601 form. */
const LAST_DAY = 2_932_896;
const DAYS_TO_MARCH_OF_YEAR_0 = 719_468;
const DAYS_IN_ERA = 146_097;
const MONTH_LENGTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days are counted from 1970-01-01, a Thursday. `month` is 1-12, `firstDay` the day number of its 1st. */
interface Month {
  readonly year: number;
  readonly month: number;
  readonly firstDay: number;
}

/**
 * Returns a function that finds the next day on which a cron expression fires, by the calendar only. It skips months that
 * do not match.
 *
 * @returns the first such day at or after the given one; `Infinity` if there is none before the year 10000
 */
export function daySearch(cron: Times): (from: number) => number {
  const inMonth = members(cron.months, 12);
  const onDay = members(cron.days, 31);
  const onWeekday = members(cron.weekdays, 6);
  const either = cron.dayRule === "or";
  return (from) => {
    let month = monthOf(from);
    let day = from;
    while (day <= LAST_DAY) {
      const next = monthAfter(month);
      if (inMonth[month.month] === true) {
        for (; day < next.firstDay; day++) {
          const byDay = onDay[day - month.firstDay + 1] === true;
          const byWeekday = onWeekday[weekdayOf(day)] === true;
          if (either ? byDay || byWeekday : byDay && byWeekday) return day <= LAST_DAY ? day : Number.POSITIVE_INFINITY;
        }
      }
      month = next;
      day = next.firstDay;
    }
    return Number.POSITIVE_INFINITY;
  };
}

function members(values: readonly number[], last: number): readonly boolean[] {
  return Array.from({ length: last + 1 }, (_, value) => values.includes(value));
}

const weekdayOf = (day: number): number => (((day + 4) % 7) + 7) % 7;

/** Howard Hinnant's `civil_from_days`. Its years begin in March, so that the leap day is the last day. */
function monthOf(day: number): Month {
  const shifted = day + DAYS_TO_MARCH_OF_YEAR_0;
  const era = Math.floor(shifted / DAYS_IN_ERA);
  const dayOfEra = shifted - era * DAYS_IN_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const dayOfMonth = dayOfYear - Math.floor((153 * fromMarch + 2) / 5);
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, firstDay: day - dayOfMonth };
}

function monthAfter({ year, month, firstDay }: Month): Month {
  const isLeap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const next = firstDay + (MONTH_LENGTH[month - 1] ?? 0) + (isLeap ? 1 : 0);
  return month === 12 ? { year: year + 1, month: 1, firstDay: next } : { year, month: month + 1, firstDay: next };
}

const DAY_MINUTES = 1440;
/** More than any offset from UTC, and more than any clock change. */
const LEEWAY_DAYS = 3;
const LEEWAY_MS = LEEWAY_DAYS * DAY_MS;

/**
 * The instants at which Debian's cron starts a line on a machine with these clocks, in order. An instant appears once for
 * each start: cron runs all the fixed lines that a clock change skipped at one instant.
 *
 * @param period.handling how another daemon handles clock changes
 */
export function* startsByClock(
  cron: Times,
  clock: ZoneClock,
  { from, to, handling = cron.class }: Horizon & { readonly handling?: ClockHandling },
): Generator<number, void> {
  const minutes = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * 60 + minute));
  const nextDay = daySearch(cron);
  let resumeAt = from;
  search: for (;;) {
    for (const { startAt, offset, first, end } of clockIntervals(clock, { from: resumeAt, handling })) {
      // Skipped minutes run at the start of the interval, so they count if that start does. All others count by their
      // own minute.
      const low = startAt >= resumeAt ? first : Math.max(first, Math.ceil((resumeAt + offset) / MINUTE_MS));
      for (let day = nextDay(Math.floor(low / DAY_MINUTES)); day * DAY_MINUTES < end; day = nextDay(day + 1)) {
        for (const minute of minutes) {
          const wallMinute = day * DAY_MINUTES + minute;
          if (wallMinute < low) continue;
          if (wallMinute >= end) break;
          const at = Math.max(startAt, wallMinute * MINUTE_MS - offset);
          if (at >= to) return;
          yield at;
        }
      }
      // Skip a long period without starts: its clock changes do not matter.
      const nextAt = nextDay(Math.floor(end / DAY_MINUTES) - LEEWAY_DAYS) * DAY_MS - LEEWAY_MS;
      if (nextAt >= to) return;
      if (nextAt > end * MINUTE_MS + LEEWAY_MS) {
        resumeAt = nextAt;
        continue search;
      }
    }
  }
}
