import { expect, test } from "vitest";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { recordedClock } from "../../src/installed/recorded-clock.ts";
import { chooseRecord, recordZones } from "../../src/installed/zones.ts";

const at = new Date("2026-11-23T12:00:00Z");
const about = { at, data: "2025b", localtime: "link /zoneinfo/UTC" };
const record = recordZones(["Europe/London", "UTC", "UTC"], about);

test("keeps each zone once, as far back as forward", () => {
  expect(Object.keys(record.tables)).toEqual(["Europe/London", "UTC"]);
  expect(record.tables["UTC"]).toEqual([[Date.parse("2027-12-28T12:00:00Z"), 0]]);
  expect(record.tables["Europe/London"]?.[0]).toEqual([Date.parse("2025-10-26T01:00:00Z"), 60]);
});

test("a start goes by the record while it holds, else by this Node's own data", async () => {
  const odd = { ...record, tables: { "Europe/London": [[Date.parse(record.until), 90] as const] } };
  const offset = async (now: string, data: string, zone = "Europe/London") =>
    (await recordedClock(odd, zone, { now: new Date(now), data })).intervalAt(Date.parse(now)).offset / 60_000;
  expect(await offset("2027-01-01T00:00Z", "2025b")).toBe(90);
  expect(await offset("2027-01-01T00:00Z", "2026a")).toBe(0);
  expect(await offset("2028-01-01T00:00Z", "2025b")).toBe(0);
  expect(await offset("2027-01-01T00:00Z", "2025b", "Asia/Tokyo")).toBe(540);
  expect(await recordedClock(undefined, "Asia/Tokyo", { now: at, data: "" })).toBe(zoneClock("Asia/Tokyo"));
});

test.each([
  ["other data", { data: "2026a" }],
  ["another /etc/localtime", { localtime: "ENOENT" }],
  ["little time left", { at: new Date("2027-10-30T00:00Z") }],
])("an install writes a new record for %s", (_, changes) => {
  const fresh = recordZones(["Europe/London", "UTC"], { ...about, ...changes });
  expect(chooseRecord(record, fresh, { ...about, ...changes }.at)).toBe(fresh);
});

test("an install keeps it otherwise, unless there are other zones", () => {
  const later = new Date("2027-10-01T00:00Z");
  const fresh = (...zones: string[]) => recordZones(zones, { ...about, at: later });
  expect(chooseRecord(record, fresh("UTC", "Europe/London"), later)).toBe(record);
  expect(chooseRecord(record, fresh("UTC"), later)).not.toBe(record);
  expect(chooseRecord(undefined, record, later)).toBe(record);
});
