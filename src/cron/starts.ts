import { DAY_MS, MINUTE_MS } from "../time-units.ts";
import { daySearch } from "./calendar.ts";
import type { Times } from "./expression.ts";
import type { ZoneClock } from "./segment.ts";
import { type ClockHandling, stretches } from "./stretches.ts";
import type { Horizon } from "./zone-table.ts";

const DAY_MINUTES = 1440;
/** More than a wall clock may lie from UTC, or a clock change turn it back. */
const LEEWAY_DAYS = 3;
const LEEWAY_MS = LEEWAY_DAYS * DAY_MS;

/**
 * The instants at which Debian's cron starts a line on a machine with these clocks, in order. An instant stands as often as
 * cron starts the line then: fixed lines that a clock change skipped are made up together.
 *
 * @param handling another daemon's way with clock changes
 */
export function* startsByClock(
  cron: Times,
  clock: ZoneClock,
  { from, to }: Horizon,
  handling: ClockHandling = cron.class,
): Generator<number, void> {
  const minutes = cron.hours.flatMap((hour) => cron.minutes.map((minute) => hour * 60 + minute));
  const nextDay = daySearch(cron);
  let resumeAt = from;
  search: for (;;) {
    for (const { startAt, offset, first, end } of stretches(clock, resumeAt, handling)) {
      // What is made up at the start of the stretch counts if that start does; all else goes by its own minute.
      const low = startAt >= resumeAt ? first : Math.max(first, Math.ceil((resumeAt + offset) / MINUTE_MS));
      for (let day = nextDay(Math.floor(low / DAY_MINUTES)); day * DAY_MINUTES < end; day = nextDay(day + 1)) {
        for (const minute of minutes) {
          const wall = day * DAY_MINUTES + minute;
          if (wall < low) continue;
          if (wall >= end) break;
          const at = Math.max(startAt, wall * MINUTE_MS - offset);
          if (at >= to) return;
          yield at;
        }
      }
      // Over a long way without starts the clock changes between need not be known.
      const nextAt = nextDay(Math.floor(end / DAY_MINUTES) - LEEWAY_DAYS) * DAY_MS - LEEWAY_MS;
      if (nextAt >= to) return;
      if (nextAt > end * MINUTE_MS + LEEWAY_MS) {
        resumeAt = nextAt;
        continue search;
      }
    }
  }
}
