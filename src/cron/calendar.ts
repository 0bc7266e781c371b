import type { Times } from "./expression.ts";

/** 9999-12-31: behind it ISO 8601 needs another form, and no schedule has business there. */
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
 * A search for the days on which a cron fires, by the calendar alone: months that do not match are stepped over.
 *
 * @returns the first such day at or after the given one; `Infinity` when there is none before the year 10000
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

/** Howard Hinnant's `civil_from_days`: years that begin in March put the leap day at the end. */
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
