import type { ZoneClock } from "../cron/clock-handling.ts";
import { tableClock } from "../cron/zone-table.ts";
import type { ZoneRecord } from "./schedule.ts";

/** A zone's clock at a start: from the stored table while that is valid, otherwise looked up, which is slow. */
export async function recordedClock(
  record: ZoneRecord | undefined,
  zone: string,
  { now, data }: { readonly now: Date; readonly data: string },
): Promise<ZoneClock> {
  const table = record?.tables[zone];
  const holds = record !== undefined && record.data === data && now.getTime() < Date.parse(record.until);
  if (holds && table !== undefined) return tableClock(table);
  const { zoneClock } = await import("../cron/zone-clock.ts");
  return zoneClock(zone);
}
