import { dstOverlap } from "../../cron/clock-changes.ts";
import { exactSets, type TimeSet, utcCandidates } from "../../cron/utc-schedule.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import type { Horizon } from "../../cron/zone-table.ts";
import type { Pipeline } from "../../schedule/schedule.ts";

/** The times of a timer. */
export interface Calendar {
  /** Calendar events, see systemd.time(7). The timer elapses at each of them. */
  readonly specs: readonly string[];
  /** Whether the timer may start the pipeline when it is not due, so that the run decides. */
  readonly mayFireEarly: boolean;
}

/**
 * Converts a pipeline's times to calendar events. systemd requires both day fields to match, so "either" becomes two events.
 *
 * systemd loses the times that a clock change skips, and starts nothing in the second pass of a repeated hour. A cron
 * expression that a clock change affects gets candidate times in UTC.
 *
 * @param frame.machineZone time zone of a pipeline that names none; its plain events have no zone and use the machine's
 */
export function calendarOf(
  { crons, timezone }: Pick<Pipeline, "crons" | "timezone">,
  { machineZone, horizon }: { readonly machineZone: string; readonly horizon: Horizon },
): Calendar {
  const clock = zoneClock(timezone ?? machineZone);
  const touched = crons.filter((cron) => {
    const overlap = dstOverlap(cron, clock, horizon);
    return overlap === "overlapping" || overlap === "every-hour";
  });
  const plain = exactSets(crons.filter((cron) => !touched.includes(cron)));
  const candidates = utcCandidates(touched, clock, horizon);
  return {
    specs: [
      ...plain.map((set) => renderSpec(set, timezone)),
      ...(touched.length === 0 ? [] : candidates.map((set) => renderSpec(set, "UTC"))),
    ],
    mayFireEarly: touched.length > 0,
  };
}

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Renders a calendar event, such as `Mon..Fri *-*-* 08..18:00/5:00 Europe/London`. Without a zone it uses the machine's. */
function renderSpec({ minutes, hours, days, months, weekdays }: TimeSet, zone: string | undefined): string {
  const date = `*-${renderNumbers(months, 1, 12)}-${renderNumbers(days, 1, 31)}`;
  const time = `${renderNumbers(hours, 0, 23)}:${renderNumbers(minutes, 0, 59)}:00`;
  const week = weekdays.length === 7 ? [] : [renderWeekdays(weekdays)];
  return [...week, date, time, ...(zone === undefined ? [] : [zone])].join(" ");
}

/** Renders weekdays. systemd's week begins on Monday, and a range must not cross its end. */
function renderWeekdays(weekdays: readonly number[]): string {
  const fromMonday = weekdays.map((weekday) => (weekday + 6) % 7).sort((one, other) => one - other);
  return renderRuns(fromMonday, (day) => WEEKDAYS[(day + 1) % 7] ?? "");
}

/** Renders numbers in their shortest form: `*`, `00/5`, `08..18`, `01,15`. */
function renderNumbers(values: readonly number[], low: number, high: number): string {
  if (values.length === high - low + 1) return "*";
  const [first = low, second = first] = values;
  const step = second - first;
  const isEven = values.every((value, index) => value === first + index * step) && first + values.length * step > high;
  if (step > 1 && values.length > 2 && isEven) return `${padded(first)}/${step}`;
  return renderRuns(values, padded);
}

const padded = (value: number): string => String(value).padStart(2, "0");

/** Renders ascending values; three or more consecutive ones become a range. */
function renderRuns(values: readonly number[], nameOf: (value: number) => string): string {
  const runs: number[][] = [];
  for (const value of values) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1) === value - 1) run.push(value);
    else runs.push([value]);
  }
  return runs
    .flatMap((run) => (run.length < 3 ? run.map(nameOf) : [`${nameOf(run[0] ?? 0)}..${nameOf(run.at(-1) ?? 0)}`]))
    .join();
}
