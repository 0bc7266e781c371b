import { MINUTE_MS } from "../time-units.ts";
import { MAX_DATE_MS, type ZoneClock } from "./clock-handling.ts";

/**
 * The offsets of a zone over a period, as they are stored: when each ends (epoch milliseconds, exclusive), and its minutes
 * east of UTC. They are stored because the first use of `Intl` takes a third of Node's own start-up time.
 */
export type ZoneTable = readonly (readonly [untilMs: number, offsetMinutes: number])[];

/** Instants in epoch milliseconds; `to` exclusive. */
export interface Horizon {
  readonly from: number;
  readonly to: number;
}

/** Converts a zone's offsets over a horizon to a table, one row for each period with one offset. */
export function zoneTable(clock: ZoneClock, { from, to }: Horizon): ZoneTable {
  const rows: [number, number][] = [];
  for (let at = from; at < to; ) {
    const { endAt, offset } = clock.intervalAt(at);
    const until = Math.min(endAt, to);
    const last = rows.at(-1);
    if (last?.[1] === offset / MINUTE_MS) last[0] = until;
    else rows.push([until, offset / MINUTE_MS]);
    at = endAt;
  }
  return rows;
}

/** The clock of a stored table. Before and after the horizon it keeps the first and the last offset. */
export function tableClock(table: ZoneTable): ZoneClock {
  const intervals = table.map(([until, minutes], index) => ({
    startAt: table[index - 1]?.[0] ?? -MAX_DATE_MS,
    endAt: index === table.length - 1 ? MAX_DATE_MS : until,
    offset: minutes * MINUTE_MS,
  }));
  return {
    intervalAt: (at) => {
      const found = intervals.find(({ endAt }) => at < endAt);
      if (found === undefined) throw new RangeError(`${at} is not an instant`);
      return found;
    },
  };
}
