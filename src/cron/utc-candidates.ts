import { MINUTE_MS } from "../time-units.ts";
import { clockChanges } from "./clock-changes.ts";
import { type DayTimes, dayPattern } from "./day-pattern.ts";
import type { Times } from "./expression.ts";
import type { ZoneClock } from "./segment.ts";
import { startsByClock } from "./starts.ts";

import { addDays, type DaysByMinute, minutesOfDay, setsOf, type TimeSet } from "./time-sets.ts";
import type { Horizon } from "./zone-table.ts";

const DAY_MINUTES = 1440;
/** Shorter than any month. */
const STRIDE_MS = 20 * 86_400_000;

/**
 * Times in UTC that hold every instant at which a cron is due by a zone's clock within the horizon, for schedulers whose
 * own reading of a changing clock differs from cron's. The run decides: some are not due.
 *
 * They are close: each offset of the zone has times of its own, in the months only in which the zone keeps it, and on the
 * cron's days as UTC calls them. No instant stands in two sets.
 */
export function utcCandidates(crons: readonly Times[], clock: ZoneClock, horizon: Horizon): readonly TimeSet[] {
  const days: DaysByMinute = new Map();
  const offsets = monthsByOffset(clock, horizon);
  for (const cron of crons) {
    for (const [offset, months] of offsets) addTimes(days, cron, offset, months);
    addMadeUp(days, cron, clock, horizon);
  }
  return setsOf(days);
}

/** For each offset of the zone, in minutes, the months (by UTC) in which it may hold. */
function monthsByOffset(clock: ZoneClock, { from, to }: Horizon): ReadonlyMap<number, ReadonlySet<number>> {
  const found = new Map<number, Set<number>>();
  for (let at = from; at < to; ) {
    const { endAt, offset } = clock.segmentAt(at);
    const minutes = offset / MINUTE_MS;
    const months = found.get(minutes) ?? new Set();
    found.set(minutes, months);
    const end = Math.min(endAt, to);
    for (let day = at; months.size < 12 && day < end; day += STRIDE_MS) months.add(monthOf(day));
    months.add(monthOf(end - 1));
    at = endAt;
  }
  return found;
}

const monthOf = (at: number): number => new Date(at).getUTCMonth() + 1;

function addTimes(days: DaysByMinute, cron: Times, offset: number, months: ReadonlySet<number>): void {
  const patterns = new Map<number, string>();
  for (const own of minutesOfDay(cron)) {
    const minute = Math.floor(own - offset);
    const shift = Math.floor(minute / DAY_MINUTES);
    const pattern = patterns.get(shift) ?? dayPattern(cron, shift, months);
    patterns.set(shift, pattern);
    addDays(days, minute - shift * DAY_MINUTES, pattern);
  }
}

/** What cron makes up when a clock has gone forward, at the instant it has. */
function addMadeUp(days: DaysByMinute, cron: Times, clock: ZoneClock, { from, to }: Horizon): void {
  const landings = new Map<number, Date[]>();
  for (const { at, before, after } of clockChanges(clock, from - 1, to)) {
    if (after < before || startsByClock(cron, clock, { from: at, to: at + MINUTE_MS }).next().done === true) continue;
    const minute = Math.floor(at / MINUTE_MS) % DAY_MINUTES;
    landings.set(minute, [...(landings.get(minute) ?? []), new Date(at)]);
  }
  for (const [minute, dates] of landings) addDays(days, minute, dayPattern(daysAround(dates), 0));
}

/** The dates, and the days of the month between them: in other years the clock goes forward on those. */
function daysAround(dates: readonly Date[]): DayTimes {
  const days = dates.map((date) => date.getUTCDate());
  const first = Math.min(...days);
  return {
    days: Array.from({ length: Math.max(...days) - first + 1 }, (_, index) => first + index),
    months: dates.map((date) => date.getUTCMonth() + 1),
    weekdays: dates.map((date) => date.getUTCDay()),
    dayRule: "and",
  };
}
