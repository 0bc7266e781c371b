import { type Cron, LONGEST_MONTH } from "./expression.ts";

const LAST_MINUTE = 59;
const LAST_HOUR = 23;

/**
 * The time fields of the crontab lines for a cron expression, in the form that Debian's cron, cronie, busybox crond and
 * systemd-cron all read alike.
 *
 * - Numbers only, ascending, each once; weekdays 0-6; no ranges, names or macros.
 * - Days, months and weekdays are `*` or a list. If either day field is enough, each has its own line, because
 *   systemd-cron would require both.
 * - Minutes and hours begin with `*` if and only if the user's fields do, so that a line keeps its class, which decides
 *   what happens at clock changes.
 *
 * Together the lines start at the times of the expression, and in two cases more often. The wrapper skips those starts,
 * because nothing is due:
 * - An expression that requires a day of the month *and* a weekday has a line for the day only, because no syntax means
 *   "and" in every daemon.
 * - A starred step beyond the end of its field (60 minutes), which cronie 1.5 rejects, becomes the largest possible step
 *   if its star decides the class.
 */
export function canonicalLines(cron: Cron): readonly string[] {
  const times = timeFields(cron);
  const months = listOrStar(cron.months, 12);
  return dayFields(cron).map(({ days, weekdays }) => `${times} ${days} ${months} ${weekdays}`);
}

/** Whether the crontab line contains the expression as the user typed it. */
export function isCanonical(cron: Cron): boolean {
  const [line, ...more] = canonicalLines(cron);
  return more.length === 0 && line === cron.text.split(/[ \t]+/).join(" ");
}

function timeFields(cron: Cron): string {
  const { minutes, hours, text } = cron;
  const [minuteText = "", hourText = ""] = text.startsWith("@") ? ["", macroHours(cron)] : text.split(/[ \t]+/);
  const minute = renderStarred(minutes, minuteText, LAST_MINUTE);
  const hour = renderStarred(hours, hourText, LAST_HOUR);
  const isWild = cron.class === "wildcard";
  // Add a star, and with it more starts, only if the class depends on it.
  if (isWild && minute === undefined && hour === undefined) {
    return minuteText.startsWith("*")
      ? `${withStar(minutes, LAST_MINUTE)} ${hours.join()}`
      : `${minutes.join()} ${withStar(hours, LAST_HOUR)}`;
  }
  return `${minute ?? minutes.join()} ${hour ?? hours.join()}`;
}

/** The hour field of a macro: only `@hourly` (`0 * * * *`) has a star. */
const macroHours = (cron: Cron): string => (cron.class === "wildcard" ? "*" : "");

/** The values with a leading `*`, as in the user's text; `undefined` if that has no star or its step is too large. */
function renderStarred(values: readonly number[], text: string, last: number): string | undefined {
  if (!text.startsWith("*")) return undefined;
  const own = Number(/^\*\/(\d+)/.exec(text)?.[1] ?? 1);
  const [, second = 0] = values;
  const step = [second, own, ...values].find((one) => one > 0 && one <= last && hasMultiples(values, one, last));
  if (step === undefined) return undefined;
  if (step === second && values.every((value) => value % step === 0)) return step === 1 ? "*" : `*/${step}`;
  return withStar(values, step);
}

/** A starred step, followed by the values that it does not cover. */
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
  // `0 0 31 2 1` fires on Mondays only: February never has 31 days.
  const isPossible = months.some((month) => (days[0] ?? 0) <= (LONGEST_MONTH[month - 1] ?? 0));
  return [...(isPossible ? [{ days: byDay, weekdays: "*" }] : []), { days: "*", weekdays: byWeekday }];
}

const listOrStar = (values: readonly number[], all: number): string => (values.length === all ? "*" : values.join());
