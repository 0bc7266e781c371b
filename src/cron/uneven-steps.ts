import type { Cron } from "./expression.ts";
import { daySearch } from "./occurrences.ts";

/** A step that does not divide its hour or day evenly. */
export interface UnevenStep {
  /** As typed. */
  readonly step: string;
  readonly unit: "minute" | "hour";
  /** The interval that the step suggests. */
  readonly size: number;
  /** The last value before the step restarts at 0. */
  readonly last: number;
  /** From there to the next 0. */
  readonly gap: number;
}

const DAYS_LOOKED_AT = 60;

/**
 * Finds a step of minutes or hours that is not a regular interval: a step of 7 minutes restarts with every hour, 4
 * minutes after minute 56.
 *
 * @param from first day to check, in epoch milliseconds
 * @returns `undefined` also if nothing follows the last value, such as minutes of a single hour
 */
export function findUnevenStep(cron: Cron, from: number): UnevenStep | undefined {
  const [minutes = "", hours = ""] = cron.text.split(/[ \t]+/);
  const minute = unevenField(minutes, "minute", 60);
  if (minute !== undefined && (minute.size > 60 || followsItself(cron.hours))) return minute;
  const hour = unevenField(hours, "hour", 24);
  return hour !== undefined && hasDayAfterDay(cron, from) ? hour : undefined;
}

function unevenField(text: string, unit: UnevenStep["unit"], round: number): UnevenStep | undefined {
  const size = Number(/^(?:\*|0-(?:23|59))\/(\d+)$/.exec(text)?.[1] ?? 1);
  if (round % size === 0) return undefined;
  const last = Math.floor((round - 1) / size) * size;
  return { step: text, unit, size, last, gap: round - last };
}

const followsItself = (hours: readonly number[]): boolean => hours.some((hour) => hours.includes(hour + 1));

function hasDayAfterDay(cron: Cron, from: number): boolean {
  const nextDay = daySearch(cron);
  let day = nextDay(Math.floor(from / 86_400_000));
  for (let count = 0; count < DAYS_LOOKED_AT; count++) {
    const next = nextDay(day + 1);
    if (next === day + 1) return true;
    day = next;
  }
  return false;
}
