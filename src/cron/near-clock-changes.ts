import { HOUR_MS, MINUTE_MS } from "../time-units.ts";
import { clockChanges } from "./clock-changes.ts";
import type { Times } from "./expression.ts";
import type { ZoneClock } from "./segment.ts";
import { startsByClock } from "./starts.ts";

import { zoneClock } from "./zone-clock.ts";
import type { Horizon } from "./zone-table.ts";

/**
 * How a cron lies to the clock changes of its zone:
 * - `apart`: what a clock skips or shows twice, to the minute before and behind it, holds none of its times; whoever reads
 *   the zone at all then reads it alike;
 * - `edge`: only the minute before or behind it does;
 * - `every-hour`: some do, but it is a wildcard cron of every hour and the clock changes by whole hours: whoever goes by
 *   what the clock shows, in both passes, starts it in even steps;
 * - `inside`: some do, and it takes cron's own rules to know what becomes of them.
 */
export type ClockContact = "apart" | "edge" | "every-hour" | "inside";

/** How near a cron comes to any clock change within the horizon. */
export function clockContact(cron: Times, clock: ZoneClock, { from, to }: Horizon): ClockContact {
  let contact: ClockContact = "apart";
  for (const { at, before, after } of clockChanges(clock, from - 1, to)) {
    const [low, high] = [at + Math.min(before, after), at + Math.max(before, after)];
    if (hasTime(cron, low, high)) {
      const isEven = cron.class === "wildcard" && cron.hours.length === 24 && (after - before) % HOUR_MS === 0;
      if (!isEven) return "inside";
      contact = "every-hour";
    } else if (contact === "apart" && hasTime(cron, low - MINUTE_MS, high + MINUTE_MS)) contact = "edge";
  }
  return contact;
}

/** Whether a clock that shows the minutes between two, as if they were UTC, shows one of the cron's. */
const hasTime = (cron: Times, from: number, to: number): boolean =>
  startsByClock(cron, zoneClock("UTC"), { from, to }, "each-pass").next().done !== true;
