import type { Cron } from "./expression.ts";
import { daySearch } from "./occurrences.ts";

/** A step that does not go evenly round its hour or day. */
export interface UnevenStep {
  /** As typed. */
  readonly step: string;
  readonly unit: "minute" | "hour";
  /** What people read into it. */
  readonly size: number;
  /** The last value before it begins anew at 0. */
  readonly last: number;
  /** From there to the next 0. */
  readonly gap: number;
}

const DAYS_LOOKED_AT = 60;

/**
 * Where a step of minutes or hours is no even rhythm: one of 7 minutes begins anew with every hour, 4 minutes after the
 * 56th.
 *
 * @param from epoch milliseconds from where on the days are looked at
 * @returns `undefined` also where nothing follows on the last value, such as minutes of a single hour
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
