import type { Times } from "../../cron/expression.ts";

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
