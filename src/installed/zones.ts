import { zoneClock } from "../cron/zone-clock.ts";
import { type Horizon, zoneTable } from "../cron/zone-table.ts";
import { DAY_MS } from "../time-units.ts";
import type { ZoneRecord } from "./schedule.ts";

/** For so long what an install finds out about zones holds. */
const HORIZON_DAYS = 400;
/** An install that changes nothing else leaves a record that holds for so long. */
const RENEW_DAYS = 60;

/** For how long the lines of an install shall hold. */
export const horizonFrom = (at: Date): Horizon => ({
  from: at.getTime(),
  to: at.getTime() + HORIZON_DAYS * DAY_MS,
});

/** What an install keeps of some zones. As far back as forward, as a slot may have been missed long ago. */
export function recordZones(
  zones: readonly string[],
  { at, data, localtime }: { readonly at: Date } & Pick<ZoneRecord, "data" | "localtime">,
): ZoneRecord {
  const { from, to } = horizonFrom(at);
  const span = { from: from - HORIZON_DAYS * DAY_MS, to };
  const tables = [...new Set(zones)].sort().map((zone) => [zone, zoneTable(zoneClock(zone), span)]);
  return { data, until: new Date(to).toISOString(), localtime, tables: Object.fromEntries(tables) };
}

/** The record to keep: the one that stands there, as long as it says the same of the same zones and is not near its end. */
export function chooseRecord(before: ZoneRecord | undefined, fresh: ZoneRecord, at: Date): ZoneRecord {
  if (before === undefined || before.data !== fresh.data || before.localtime !== fresh.localtime) return fresh;
  const names = (record: ZoneRecord): string => Object.keys(record.tables).join();
  return names(before) === names(fresh) && !isWorn(before, at) ? before : fresh;
}

/** Whether a record is so near its end that an install writes it anew. */
export const isWorn = ({ until }: ZoneRecord, at: Date): boolean =>
  Date.parse(until) - at.getTime() < RENEW_DAYS * DAY_MS;
