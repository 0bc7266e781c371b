import { DAY_MS, MINUTE_MS } from "../time-units.ts";
import { type ClockChange, clockChanges } from "./clock-changes.ts";
import type { Cron } from "./expression.ts";
import { daySearch } from "./occurrences.ts";
import { runTimes } from "./run-times.ts";
import { zoneClock } from "./zone-clock.ts";

/** A step that does not divide its hour or day evenly. */
export interface UnevenStep {
  /** As typed. */
  readonly step: string;
  readonly unit: "minute" | "hour";
  /** The interval that the step suggests. */
  readonly size: number;
  /** The last value before the step restarts at 0. */
  readonly last: number;
  /** The interval between the last value and the next 0. */
  readonly gap: number;
}

const DAYS_CHECKED = 60;

/**
 * Finds a step of minutes or hours that is not a regular interval. For example, a step of 7 minutes restarts with every
 * hour, 4 minutes after minute 56.
 *
 * @param from first day to check, in epoch milliseconds
 * @returns `undefined` also if nothing follows the last value, such as minutes of a single hour
 */
export function findUnevenStep(cron: Cron, from: number): UnevenStep | undefined {
  const [minutes = "", hours = ""] = cron.text.split(/[ \t]+/);
  const minute = unevenField(minutes, "minute", 60);
  if (minute !== undefined && (minute.size > 60 || hasConsecutive(cron.hours))) return minute;
  const hour = unevenField(hours, "hour", 24);
  return hour !== undefined && hasConsecutiveDays(cron, from) ? hour : undefined;
}

function unevenField(text: string, unit: UnevenStep["unit"], round: number): UnevenStep | undefined {
  const size = Number(/^(?:\*|0-(?:23|59))\/(\d+)$/.exec(text)?.[1] ?? 1);
  if (round % size === 0) return undefined;
  const last = Math.floor((round - 1) / size) * size;
  return { step: text, unit, size, last, gap: round - last };
}

const hasConsecutive = (hours: readonly number[]): boolean => hours.some((hour) => hours.includes(hour + 1));

function hasConsecutiveDays(cron: Cron, from: number): boolean {
  const nextDay = daySearch(cron);
  let day = nextDay(Math.floor(from / DAY_MS));
  for (let count = 0; count < DAYS_CHECKED; count++) {
    const next = nextDay(day + 1);
    if (next === day + 1) return true;
    day = next;
  }
  return false;
}

/** Times of a cron expression that a clock change skips or repeats, and what cron does then. */
export interface ClockChangeEffect {
  readonly change: ClockChange;
  /** Local times, as if they were UTC, in epoch milliseconds. */
  readonly localTimes: readonly number[];
  readonly effect: "skipped" | "made up" | "once" | "twice";
}

/** cron treats a larger step as a correction of the clock: it neither makes up for lines nor holds any back. */
const CORRECTION_MS = 180 * MINUTE_MS;
/** cron treats a smaller step as a late wake-up and runs all lines of the skipped minutes. */
const LATE_MS = 5 * MINUTE_MS;

/**
 * Finds the clock changes of a zone that affect a cron expression.
 *
 * A wildcard expression of every hour is never affected: it continues in even steps, whatever the clocks show.
 *
 * @param period epoch milliseconds, `to` exclusive
 */
export function findClockChangeEffects(
  cron: Cron,
  zone: string,
  period: { readonly from: number; readonly to: number },
): readonly ClockChangeEffect[] {
  if (cron.class === "wildcard" && cron.hours.length === 24) return [];
  return [...clockChanges(zoneClock(zone), period)].flatMap((change): readonly ClockChangeEffect[] => {
    const { at, before, after } = change;
    const span = { from: at + Math.min(before, after), to: at + Math.max(before, after) };
    const localTimes = [...runTimes(cron, { zone: "UTC", ...span, handling: "each-pass" })];
    return localTimes.length === 0 ? [] : [{ change, localTimes, effect: effectOf(cron, after - before) }];
  });
}

function effectOf(cron: Cron, step: number): ClockChangeEffect["effect"] {
  const isFixed = cron.class === "fixed";
  if (step > 0) return step <= (isFixed ? CORRECTION_MS : LATE_MS) ? "made up" : "skipped";
  return isFixed && -step < CORRECTION_MS ? "once" : "twice";
}
