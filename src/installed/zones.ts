import { zoneClock } from "../cron/zone-clock.ts";
import { type Horizon, zoneTable } from "../cron/zone-table.ts";
import { DAY_MS } from "../time-units.ts";
import type { ZoneRecord } from "./schedule.ts";

/** How long the stored zone tables are valid. */
const HORIZON_DAYS = 400;
/** An install without other changes keeps a record that is valid for at least this long. */
const RENEW_DAYS = 60;

/** The period for which the lines of an install are valid. */
export const horizonFrom = (at: Date): Horizon => ({
  from: at.getTime(),
  to: at.getTime() + HORIZON_DAYS * DAY_MS,
});

/**
 * Computes the zone tables that an install stores. They cover the past too, because a slot may have been missed long ago.
 */
export function recordZones(
  zones: readonly string[],
  { at, data, localtime }: { readonly at: Date } & Pick<ZoneRecord, "data" | "localtime">,
): ZoneRecord {
  const { from, to } = horizonFrom(at);
  const span = { from: from - HORIZON_DAYS * DAY_MS, to };
  const tables = [...new Set(zones)].sort().map((zone) => [zone, zoneTable(zoneClock(zone), span)]);
  return { data, until: new Date(to).toISOString(), localtime, tables: Object.fromEntries(tables) };
}

/** Chooses the record to store: the existing one, if it has the same content and does not expire soon. */
export function chooseRecord(before: ZoneRecord | undefined, fresh: ZoneRecord, at: Date): ZoneRecord {
  if (before === undefined || before.data !== fresh.data || before.localtime !== fresh.localtime) return fresh;
  const names = (record: ZoneRecord): string => Object.keys(record.tables).join();
  return names(before) === names(fresh) && !needsRenewal(before, at) ? before : fresh;
}

/** Whether a record expires so soon that an install replaces it. */
export const needsRenewal = ({ until }: ZoneRecord, at: Date): boolean =>
  Date.parse(until) - at.getTime() < RENEW_DAYS * DAY_MS;
