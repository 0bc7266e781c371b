import { sameZone } from "../cron/same-zone.ts";
import { zoneClock } from "../cron/zone-clock.ts";
import { tableClock, type ZoneTable, zoneTable } from "../cron/zone-table.ts";
import { DAY_MS } from "../time-units.ts";
import type { StoredInstall, StoredSchedule, ZoneRecord } from "./schedule.ts";
import { installAgain } from "./schedulers.ts";

/** Below this number of days, `status` warns. */
const SHORT_DAYS = 30;

/** Current state of the machine. */
export interface ZonesNow {
  readonly now: Date;
  /** Version of the zone data. */
  readonly data: string;
  readonly machineZone: string;
}

/** Warnings about an install's time zones that are outdated or soon will be, one sentence each. */
export function zoneNotices(
  storedSchedule: Pick<StoredSchedule, "name" | "source" | "entries">,
  host: Pick<StoredInstall, "machineZone" | "zones" | "lines" | "on" | "compileOnly">,
  { now, data, machineZone }: ZonesNow,
): readonly string[] {
  const others = Object.keys(host.on ?? {});
  // Started by other schedulers only.
  const isElsewhere = host.lines.length === 0 && others.length > 0;
  const again = installAgain(storedSchedule.source.path, host);
  const foreign = storedSchedule.entries.some(
    ({ timezone }) => timezone !== undefined && !sameZone(timezone, host.machineZone),
  );
  const notices: string[] = [];
  if (!sameZone(machineZone, host.machineZone)) {
    const harm = isElsewhere
      ? `on ${others.join(" and ")}, pipelines without their own timezone still use the old zone`
      : "crontab lines of pipelines with their own timezone fire at the wrong times";
    notices.push(
      `this machine's time zone is now ${machineZone}; it was ${host.machineZone} when the schedule ${storedSchedule.name} was installed; ${harm}: ${again}`,
    );
  }
  const { zones } = host;
  // Plain lines in the machine's own zone do not expire.
  if (!foreign || zones === undefined) return notices;
  // Other schedulers get times that are valid for decades.
  if (!isElsewhere) notices.push(...endNotices(storedSchedule.name, zones, now, again));
  const changed =
    zones.data === data ? [] : changedZones(zones.tables, { from: now.getTime(), to: Date.parse(zones.until) });
  if (changed.length > 0) {
    notices.push(
      `daylight-saving rules for ${changed.join(", ")} have changed since ${storedSchedule.name} was installed (tz data ${zones.data}, now ${data}): ${again}`,
    );
  }
  return notices;
}

/** Warnings about lines for other zones that have expired or soon will. */
function endNotices(name: string, zones: ZoneRecord, now: Date, again: string): readonly string[] {
  const until = Date.parse(zones.until);
  const day = zones.until.slice(0, 10);
  if (until <= now.getTime()) {
    return [
      `the lines of ${name} for other time zones were valid until ${day}; runs may be missed after a later clock change: ${again}`,
    ];
  }
  return until < now.getTime() + SHORT_DAYS * DAY_MS
    ? [`the lines of ${name} for other time zones are valid until ${day}: ${again}`]
    : [];
}

/** Zones whose clock changes in the rest of the horizon differ in the current zone data. */
function changedZones(
  tables: Readonly<Record<string, ZoneTable>>,
  span: { readonly from: number; readonly to: number },
): readonly string[] {
  const said = (table: ZoneTable): string => JSON.stringify(table);
  return Object.entries(tables)
    .filter(([zone, table]) => said(zoneTable(tableClock(table), span)) !== said(zoneTable(zoneClock(zone), span)))
    .map(([zone]) => zone);
}
