import { clockChanges, clockContact } from "../../cron/clock-changes.ts";
import type { ZoneClock } from "../../cron/clock-handling.ts";
import type { Cron, Times } from "../../cron/expression.ts";
import { utcCandidates } from "../../cron/utc-schedule.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import type { Horizon } from "../../cron/zone-table.ts";

/** Of the months 1 to 12, the leap day counted: it comes. */
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAYS = 31;
const WEEKDAYS = 7;

/** When to start; without a rule for the days both fields must match. */
export type AirflowTimes = Omit<Times, "class" | "dayRule"> & Partial<Pick<Times, "dayRule">>;

/**
 * Times as a cron of Airflow's, whose day fields mean "either" unless one of them is `*`. Numbers only, as croniter reads
 * some of a user's spellings otherwise than cron. Where both fields must match, the one that leaves out more days stays:
 * there are then more starts than are meant.
 *
 * @returns `undefined` for days that never come: Airflow's scheduler would stumble over them
 */
export function renderCron(times: AirflowTimes): string | undefined {
  const day = dayFields(times);
  if (day === undefined) return undefined;
  const { minutes, hours, months } = times;
  return [stepsOf(minutes, 60), stepsOf(hours, 24), day.days, listOf(months, 12), day.weekdays].join(" ");
}

/** Whether Airflow starts at these times and no others, clock changes apart. */
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

/** Three and more in a row as a range, which croniter reads as it looks as long as it does not run backward. */
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

/** The same, where people like to read a step: `*` + `/5`. */
function stepsOf(values: readonly number[], all: number): string {
  const step = all / values.length;
  const isEven = Number.isInteger(step) && values.every((value, index) => value === index * step);
  return isEven && step > 1 && values.length > 1 ? `*/${step}` : listOf(values, all);
}

/** By what Airflow starts a pipeline. */
export interface AirflowStarts {
  /** As Airflow reads them; a minute that two of them name is one start, or the second finds the first. */
  readonly crons: readonly string[];
  /** IANA name of the zone that they are meant in. */
  readonly timezone: string;
  /**
   * - `exact`: the pipeline's own times, and nothing else;
   * - `surplus`: in its own zone, and now and then when nothing is due;
   * - `candidates`: the minutes of UTC at which something may be due.
   */
  readonly kind: "exact" | "surplus" | "candidates";
}

/** A pipeline's times, in the zone that they are meant in. */
export interface ZonedCrons {
  readonly crons: readonly Cron[];
  readonly zone: string;
}

/**
 * By which crons Airflow starts a pipeline whenever it is due; what it starts besides, the run turns away.
 *
 * Airflow reads crons by croniter, and goes its own ways with them when clocks change (measured with 2.11 and 3.3): so a
 * pipeline keeps its zone where the two agree, and is started by candidates in UTC where they do not. A DAG has one zone,
 * so that one cron that cannot keep it takes the pipeline's others along.
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
 * What Airflow makes of a cron when clocks change. With an hour of `*` it counts on in UTC, from each start to the next:
 * right as long as no pause between two starts is longer than what the clocks skip. With hours it goes by what the clocks
 * show, and is right as long as that stands apart from every change.
 */
function fitToClock(cron: Cron, clock: ZoneClock, horizon: Horizon): Fit {
  if (clockChanges(clock, horizon.from - 1, horizon.to).next().done === true) return "exact";
  const contact = clockContact(cron, clock, horizon);
  if (cron.hours.length < 24) return contact === "inside" ? "unfit" : "exact";
  const { days, months, weekdays } = cron;
  const isEveryDay = days.length === 31 && months.length === 12 && weekdays.length === 7;
  if (!isEveryDay || cron.class === "fixed") return "unfit";
  // A clock that changes by half an hour makes it start once too often.
  return contact === "inside" ? "surplus" : "exact";
}
