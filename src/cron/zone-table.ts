import { MINUTE_MS } from "../time-units.ts";
import { FURTHEST, type ZoneClock } from "./clock-handling.ts";

/**
 * The offsets that a zone has over a span of time, as they are stored: until when (epoch milliseconds, exclusive), and
 * minutes east of UTC. Finding them takes the zone data of `Intl`, whose first use takes a third of what a node takes to
 * start; reading them back takes nothing.
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
    const { endAt, offset } = clock.segmentAt(at);
    const until = Math.min(endAt, to);
    const last = rows.at(-1);
    if (last?.[1] === offset / MINUTE_MS) last[0] = until;
    else rows.push([until, offset / MINUTE_MS]);
    at = endAt;
  }
  return rows;
}

/** The clock of a stored table: exact over its horizon; before and after it keeps the first and the last offset. */
export function tableClock(table: ZoneTable): ZoneClock {
  const segments = table.map(([until, minutes], index) => ({
    startAt: table[index - 1]?.[0] ?? -FURTHEST,
    endAt: index === table.length - 1 ? FURTHEST : until,
    offset: minutes * MINUTE_MS,
  }));
  return {
    segmentAt: (at) => {
      const found = segments.find(({ endAt }) => at < endAt);
      if (found === undefined) throw new RangeError(`${at} is not an instant`);
      return found;
    },
  };
}
