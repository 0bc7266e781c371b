import type { Cron } from "./expression.ts";

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
/** If there are more clock times than this, the description gives their pattern. */
const MOST_TIMES = 6;

/**
 * A cron expression in English, such as "every 5 minutes" or "at 00:00 on Saturday". It says what cron does, which may
 * differ from what the author meant.
 */
export function describeCron(cron: Cron): string {
  const days = describeDays(cron);
  const times = describeTimes(cron);
  const everyDay = days === "" && times.startsWith("at ") && !times.endsWith("every hour") ? "every day" : days;
  const months = cron.months.length === 12 ? "" : `in ${listed(cron.months, (month) => MONTHS[month - 1] ?? "")}`;
  return [times, everyDay, months].filter((part) => part !== "").join(" ");
}

function describeTimes({ minutes, hours }: Cron): string {
  const [minute = 0] = minutes;
  const [firstHour = 0] = hours;
  const lastHour = hours.at(-1) ?? 0;
  const allHours = hours.length === 24;
  const everyMinutes = evenStep(minutes, 60);
  if (everyMinutes !== undefined && (allHours || (isRun(hours) && everyMinutes < 60))) {
    const every =
      everyMinutes === 60 ? "every hour" : everyMinutes === 1 ? "every minute" : `every ${everyMinutes} minutes`;
    return allHours ? every : `${every} from ${clock(firstHour, 0)} to ${clock(lastHour, minutes.at(-1) ?? 0)}`;
  }
  if (allHours) return `at minute${minutes.length === 1 ? "" : "s"} ${listed(minutes)} of every hour`;
  const everyHours = evenStep(hours, 24);
  if (minutes.length === 1 && everyHours !== undefined && everyHours < 24) {
    return `every ${everyHours} hours${minute === 0 ? "" : ` at minute ${minute}`}`;
  }
  if (minutes.length === 1 && isRun(hours) && hours.length > 2) {
    return `every hour from ${clock(firstHour, minute)} to ${clock(lastHour, minute)}`;
  }
  if (minutes.length * hours.length <= MOST_TIMES) {
    return `at ${joined(hours.flatMap((hour) => minutes.map((one) => clock(hour, one))))}`;
  }
  return `at minute${minutes.length === 1 ? "" : "s"} ${listed(minutes)} of hour${hours.length === 1 ? "" : "s"} ${listed(hours)}`;
}

function describeDays({ days, weekdays, dayRule }: Cron): string {
  const allDays = days.length === 31;
  const allWeekdays = weekdays.length === 7;
  const onDays = `day${days.length === 1 ? "" : "s"} ${listed(days)} of the month`;
  const onWeekdays = listed(weekdays, (weekday) => WEEKDAYS[weekday] ?? "");
  if (dayRule === "or") return allDays || allWeekdays ? "" : `on ${onDays} and also on every ${onWeekdays}`;
  if (allDays) return allWeekdays ? "" : `on ${onWeekdays}`;
  return allWeekdays
    ? `on ${onDays}`
    : `on ${onWeekdays}, only when it is also ${days.length === 1 ? "" : "one of "}${onDays}`;
}

/** The step of values that divide the range evenly from 0, such as 0, 15, 30, 45 of 60. */
function evenStep(values: readonly number[], round: number): number | undefined {
  const step = round / values.length;
  return Number.isInteger(step) && values.every((value, index) => value === index * step) ? step : undefined;
}

const isRun = (values: readonly number[]): boolean => (values.at(-1) ?? 0) - (values[0] ?? 0) === values.length - 1;

const clock = (hour: number, minute: number): string =>
  `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;

/** "1, 15 and 20", "1 to 7", "0, 7, 14, … 56". */
function listed(values: readonly number[], nameOf: (value: number) => string = String): string {
  const [first = 0, second = 0, third = 0] = values;
  const last = values.at(-1) ?? 0;
  if (values.length > 2 && isRun(values)) return `${nameOf(first)} to ${nameOf(last)}`;
  const step = second - first;
  if (values.length > 4 && values.every((value, index) => value === first + index * step)) {
    return `${[first, second, third].map(nameOf).join(", ")}, … ${nameOf(last)}`;
  }
  return joined(values.map(nameOf));
}

function joined(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}
