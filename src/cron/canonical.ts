import type { Cron } from "./expression.ts";

const LAST_MINUTE = 59;
const LAST_HOUR = 23;
/** Of the months 1 to 12, the leap day counted: it comes. */
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * The time fields of the crontab lines that stand for a cron: what Debian's cron, cronie, busybox crond and systemd-cron
 * all read alike.
 *
 * - Numbers only, ascending, each once; weekdays 0-6; no ranges, names or macros.
 * - Days, months and weekdays are `*` or a list. Where either day field is enough, each has a line of its own, as
 *   systemd-cron would ask for both.
 * - Minutes and hours begin with `*` where the user's do and are written out where they do not, so that a line keeps its
 *   class, which decides at clock changes.
 *
 * Their starts together are those of the cron, and in two cases a few more, which the wrapper's due check turns away:
 * a cron that asks for a day of the month *and* a weekday has a line for the day alone, as no text says "and"
 * everywhere; a starred step beyond the field's end (60 minutes), which cronie 1.5 refuses, becomes the largest there is
 * where its star decides the class.
 */
export function canonicalLines(cron: Cron): readonly string[] {
  const times = timeFields(cron);
  const months = listOrStar(cron.months, 12);
  return dayFields(cron).map(({ days, weekdays }) => `${times} ${days} ${months} ${weekdays}`);
}

/** Whether a cron's own text is what stands in the crontab. */
export function isCanonical(cron: Cron): boolean {
  const [line, ...more] = canonicalLines(cron);
  return more.length === 0 && line === cron.text.split(/[ \t]+/).join(" ");
}

function timeFields(cron: Cron): string {
  const { minutes, hours, text } = cron;
  const [minuteText = "", hourText = ""] = text.startsWith("@") ? ["", macroHours(cron)] : text.split(/[ \t]+/);
  const minute = starred(minutes, minuteText, LAST_MINUTE);
  const hour = starred(hours, hourText, LAST_HOUR);
  const isWild = cron.class === "wildcard";
  // Only a star that decides the class is worth the starts that it adds.
  if (isWild && minute === undefined && hour === undefined) {
    return minuteText.startsWith("*")
      ? `${withStar(minutes, LAST_MINUTE)} ${hours.join()}`
      : `${minutes.join()} ${withStar(hours, LAST_HOUR)}`;
  }
  return `${minute ?? minutes.join()} ${hour ?? hours.join()}`;
}

/** `@hourly` is of the wildcard class and stands for `0 * * * *`; the others are fixed. */
const macroHours = (cron: Cron): string => (cron.class === "wildcard" ? "*" : "");

/** The values by a leading `*`, as in the user's text; `undefined` where that has none, or its step leaves the field. */
function starred(values: readonly number[], text: string, last: number): string | undefined {
  if (!text.startsWith("*")) return undefined;
  const own = Number(/^\*\/(\d+)/.exec(text)?.[1] ?? 1);
  const [, second = 0] = values;
  const step = [second, own, ...values].find((one) => one > 0 && one <= last && hasMultiples(values, one, last));
  if (step === undefined) return undefined;
  if (step === second && values.every((value) => value % step === 0)) return step === 1 ? "*" : `*/${step}`;
  return withStar(values, step);
}

/** The values behind a star that covers some of them. */
const withStar = (values: readonly number[], step: number): string =>
  [`*/${step}`, ...values.filter((value) => value % step !== 0)].join();

function hasMultiples(values: readonly number[], step: number, last: number): boolean {
  for (let value = 0; value <= last; value += step) if (!values.includes(value)) return false;
  return true;
}

interface DayFields {
  readonly days: string;
  readonly weekdays: string;
}

function dayFields({ days, months, weekdays, dayRule }: Cron): readonly DayFields[] {
  const byDay = listOrStar(days, 31);
  const byWeekday = listOrStar(weekdays, 7);
  if (dayRule === "and") return [{ days: byDay, weekdays: byDay === "*" ? byWeekday : "*" }];
  if (byDay === "*" || byWeekday === "*") return [{ days: "*", weekdays: "*" }];
  // `0 0 31 2 1` fires on Mondays alone.
  const comes = months.some((month) => (days[0] ?? 0) <= (LONGEST_MONTH[month - 1] ?? 0));
  return [...(comes ? [{ days: byDay, weekdays: "*" }] : []), { days: "*", weekdays: byWeekday }];
}

const listOrStar = (values: readonly number[], all: number): string => (values.length === all ? "*" : values.join());
