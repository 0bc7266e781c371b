import { expect, test } from "vitest";
import { cronicleZone } from "../../../src/schedulers/cronicle/time-zones.ts";

test.each([
  ["UTC", "UTC"],
  ["Europe/London", "Europe/London"],
  ["US/Eastern", "US/Eastern"],
  // A new name of a zone that Cronicle knows.
  ["Europe/Kyiv", "Europe/Kiev"],
  ["Europe/Kiev", "Europe/Kiev"],
  // Zones that came after Cronicle's data, and zones that have changed since, also by another name.
  ["America/Ciudad_Juarez", undefined],
  ["America/Mexico_City", undefined],
  ["Mexico/General", undefined],
  ["Asia/Almaty", undefined],
  ["Egypt", undefined],
])("Cronicle gets the zone %s as %s", (zone, told) => {
  expect(cronicleZone(zone)).toBe(told);
});
