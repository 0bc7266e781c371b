import { sameZone } from "../../cron/same-zone.ts";
import type { ZoneClock } from "../../cron/segment.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import { type Horizon, zoneTable } from "../../cron/zone-table.ts";
import { cronicleZones, type ZoneGroup } from "./zone-rules.ts";

let groups: readonly ZoneGroup[] | undefined;

/** The rules of Cronicle's zones by what they show over a horizon; asked for again and again with the same one. */
let shown: { readonly key: string; readonly byTable: ReadonlyMap<string, ZoneGroup> } | undefined;

const tableText = (clock: ZoneClock, horizon: Horizon): string => JSON.stringify(zoneTable(clock, horizon));

function groupsBy(horizon: Horizon): ReadonlyMap<string, ZoneGroup> {
  groups ??= cronicleZones();
  const key = `${horizon.from} ${horizon.to}`;
  if (shown?.key !== key) {
    // Rules may show the same over a short horizon: the one that stands first is as good as any.
    const rows = groups.map((group) => [tableText(group.clock, horizon), group] as const).reverse();
    shown = { key, byTable: new Map(rows) };
  }
  return shown.byTable;
}

/**
 * The zone by which Cronicle, with zone data of 2021, goes as a zone does today: the zone itself, an older name of it, or
 * another that keeps the same time. `undefined` where Cronicle knows none.
 */
export function cronicleZone(zone: string, horizon: Horizon): string | undefined {
  const group = groupsBy(horizon).get(tableText(zoneClock(zone), horizon));
  if (group === undefined) return undefined;
  const { names } = group;
  return names.find((name) => name === zone) ?? names.find((name) => sameZone(name, zone)) ?? names[0];
}
