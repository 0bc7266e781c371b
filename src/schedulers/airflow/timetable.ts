import { clockChanges, dstOverlap } from "../../cron/clock-changes.ts";
import type { ZoneClock } from "../../cron/clock-handling.ts";
import type { Cron, Times } from "../../cron/expression.ts";
import { utcCandidates } from "../../cron/utc-schedule.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import type { Horizon } from "../../cron/zone-table.ts";

/** Days of the months 1 to 12, with the leap day. */
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAYS = 31;
const WEEKDAYS = 7;

/** Times of a cron expression. Without a day rule both day fields must match. */
export type AirflowTimes = Omit<Times, "class" | "dayRule"> & Partial<Pick<Times, "dayRule">>;

/**
 * Renders times as a cron expression for Airflow, where either day field may match unless one of them is `*`. It contains
 * only numbers, because croniter reads some other forms differently from cron. If both day fields must match, only the more
 * selective one is kept, so Airflow starts the pipeline more often.
 *
 * @returns `undefined` for days that never occur: Airflow's scheduler cannot handle them
 */
export function renderCron(times: AirflowTimes): string | undefined {
  const day = dayFields(times);
  if (day === undefined) return undefined;
  const { minutes, hours, months } = times;
  return [stepsOf(minutes, 60), stepsOf(hours, 24), day.days, listOf(months, 12), day.weekdays].join(" ");
}

/** Whether Airflow starts at exactly these times, except during clock changes. */
export const isSaid = ({ days, weekdays, dayRule = "and" }: AirflowTimes): boolean =>
  dayRule === "or" || days.length === DAYS || weekdays.length === WEEKDAYS;

function dayFields(times: AirflowTimes): { readonly days: string; readonly weekdays: string } | undefined {
  const { months, dayRule = "and" } = times;
  const days = listOf(times.days, DAYS);
  const weekdays = listOf(times.weekdays, WEEKDAYS);
  const comes = months.some((month) => (times.days[0] ?? 0) <= (LONGEST_MONTH[month - 1] ?? 0));
  if (dayRule === "or") {
    if (days === "*" || weekdays === "*") return { days: "*", weekdays: "*" };
    return { days: comes ? days : "*", weekdays };
  }
  if (!comes) return undefined;
  if (days === "*" || weekdays === "*") return { days, weekdays };
  return times.days.length / DAYS < times.weekdays.length / WEEKDAYS
    ? { days, weekdays: "*" }
    : { days: "*", weekdays };
}

/** Renders three or more consecutive values as a range. croniter reads ascending ranges correctly. */
function listOf(values: readonly number[], all: number): string {
  if (values.length === all) return "*";
  const runs: number[][] = [];
  for (const value of values) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1) === value - 1) run.push(value);
    else runs.push([value]);
  }
  return runs.map((run) => (run.length < 3 ? run.join() : `${run[0]}-${run.at(-1)}`)).join();
}

/** Like `renderRanges`, but writes `*` + `/5` where it can. */
function stepsOf(values: readonly number[], all: number): string {
  const step = all / values.length;
  const isEven = Number.isInteger(step) && values.every((value, index) => value === index * step);
  return isEven && step > 1 && values.length > 1 ? `*/${step}` : listOf(values, all);
}

/** The cron expressions by which Airflow starts a pipeline. */
export interface AirflowStarts {
  /** In Airflow's dialect. If two of them name one minute, the second start is skipped. */
  readonly crons: readonly string[];
  /** IANA name of their time zone. */
  readonly timezone: string;
  /**
   * - `exact`: the pipeline's own times;
   * - `surplus`: times in the pipeline's zone, some of which are not due;
   * - `candidates`: minutes in UTC at which the pipeline may be due.
   */
  readonly kind: "exact" | "surplus" | "candidates";
}

/** A pipeline's times and their time zone. */
export interface ZonedCrons {
  readonly crons: readonly Cron[];
  readonly zone: string;
}

/**
 * Computes the cron expressions by which Airflow starts a pipeline whenever it is due. The run skips all other starts.
 *
 * Airflow uses croniter, and handles clock changes differently from cron (measured with 2.11 and 3.3). If both agree, the
 * pipeline keeps its time zone; otherwise candidate times in UTC start it. A DAG has one time zone, so one expression that
 * needs UTC moves the pipeline's other expressions to UTC too.
 */
export function airflowStarts({ crons, zone }: ZonedCrons, horizon: Horizon): AirflowStarts {
  const clock = zoneClock(zone);
  const fits = crons.map((cron) => fitOf(cron, clock, horizon));
  if (fits.includes("unfit")) {
    return { crons: textsOf(utcCandidates(crons, clock, horizon)), timezone: "UTC", kind: "candidates" };
  }
  return { crons: textsOf(crons), timezone: zone, kind: fits.includes("surplus") ? "surplus" : "exact" };
}

const textsOf = (times: readonly AirflowTimes[]): readonly string[] => [
  ...new Set(times.flatMap((one) => renderCron(one) ?? [])),
];

type Fit = "exact" | "surplus" | "unfit";

function fitOf(cron: Cron, clock: ZoneClock, horizon: Horizon): Fit {
  const fit = fitToClock(cron, clock, horizon);
  return fit === "exact" && !isSaid(cron) ? "surplus" : fit;
}

/**
 * Whether Airflow starts a cron expression correctly during clock changes. With `*` as the hour it counts in UTC from each
 * start to the next, which is right if no gap between two starts is longer than the skipped time. With given hours it uses
 * local time, which is right if no start is near a clock change.
 */
function fitToClock(cron: Cron, clock: ZoneClock, horizon: Horizon): Fit {
  if (clockChanges(clock, { from: horizon.from - 1, to: horizon.to }).next().done === true) return "exact";
  const overlap = dstOverlap(cron, clock, horizon);
  if (cron.hours.length < 24) return overlap === "overlapping" ? "unfit" : "exact";
  const { days, months, weekdays } = cron;
  const isEveryDay = days.length === 31 && months.length === 12 && weekdays.length === 7;
  if (!isEveryDay || cron.class === "fixed") return "unfit";
  // After a clock change of half an hour Airflow starts once too often.
  return overlap === "overlapping" ? "surplus" : "exact";
}
