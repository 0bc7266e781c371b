import { sameZone } from "../../cron/same-zone.ts";

/**
 * Zones whose clocks Cronicle has wrong. It ships its own time zone data, moment-timezone's copy of tz database 2021e, and
 * uses no other; these zones have changed since then. The list is the result of a comparison with tz database 2025c, up to
 * the end of 2029; a test repeats it on a real Cronicle.
 */
const CHANGED_SINCE = [
  ...["Africa/Cairo", "America/Asuncion", "America/Bahia_Banderas", "America/Chihuahua", "America/Mazatlan"],
  ...["America/Merida", "America/Mexico_City", "America/Monterrey", "America/Nuuk", "America/Ojinaga"],
  ...["America/Scoresbysund", "Antarctica/Casey", "Antarctica/Vostok", "Asia/Almaty", "Asia/Amman", "Asia/Damascus"],
  ...["Asia/Gaza", "Asia/Hebron", "Asia/Qostanay", "Asia/Tehran", "Pacific/Fiji"],
];

/** Zones that Cronicle's data do not have, because they were split from another one later. */
const NEWER = ["America/Ciudad_Juarez", "America/Coyhaique"];

/** New names of zones that Cronicle knows by their old name. */
const OLD_NAMES = new Map([["Europe/Kyiv", "Europe/Kiev"]]);

/**
 * The name that Cronicle has for a zone; `undefined` where its data are wrong or do not have the zone, so that its events
 * need times in UTC.
 */
export function cronicleZone(zone: string): string | undefined {
  if ([...CHANGED_SINCE, ...NEWER].some((changed) => sameZone(changed, zone))) return undefined;
  return OLD_NAMES.get(zone) ?? zone;
}
