import { expect, test } from "vitest";
import { zoneClock } from "../../../src/cron/zone-clock.ts";
import { zoneTable } from "../../../src/cron/zone-table.ts";
import { cronicleZones } from "../../../src/exporters/cronicle/zone-rules.ts";
import { cronicleZone } from "../../../src/exporters/cronicle/zones.ts";
import { exportHorizon } from "../../../src/exporters/horizon.ts";

const HORIZON = exportHorizon(new Date("2026-11-23T12:00Z"));

test.each([
  ["UTC", "UTC"],
  ["Europe/London", "Europe/London"],
  ["Etc/UTC", "Etc/UTC"],
  // Names that came after Cronicle's zone data, and one that it does not list in our rows.
  ["Europe/Kyiv", "Europe/Kiev"],
  ["America/Ciudad_Juarez", "America/Denver"],
  ["US/Eastern", "America/New_York"],
  // Zones whose clocks have changed since.
  ["America/Mexico_City", "America/Costa_Rica"],
  ["Asia/Almaty", "Asia/Tashkent"],
  ["Asia/Amman", "Europe/Moscow"],
  // And no other keeps their time.
  ["Africa/Cairo", undefined],
  ["Asia/Tehran", undefined],
  ["Africa/Casablanca", undefined],
])("%s is told to Cronicle as %s", (zone, told) => {
  expect(cronicleZone(zone, HORIZON)).toBe(told);
});

test("what a rule says of its zones is what Node knows of them today", () => {
  const wrong = cronicleZones().flatMap(({ clock, names }) => {
    const rule = JSON.stringify(zoneTable(clock, HORIZON));
    return names.filter((name) => JSON.stringify(zoneTable(zoneClock(name), HORIZON)) !== rule);
  });
  expect(wrong).toEqual([]);
});

test("a zone stands once", () => {
  const names = cronicleZones().flatMap((group) => group.names);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
