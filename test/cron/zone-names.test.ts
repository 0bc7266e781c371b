import { afterEach, expect, test, vi } from "vitest";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { findZone, nearestZones, zoneInRightCase } from "../../src/cron/zone-names.ts";

test.each(["Europe/London", "America/New_York", "Australia/Lord_Howe"])("%s is a zone", (name) => {
  expect(findZone(name)).toBe(name);
});

test.each([
  ["US/Pacific", "America/Los_Angeles"],
  ["GB", "Europe/London"],
  ["Etc/UTC", "UTC"],
])("%s is another name of %s", (alias, canonical) => {
  expect(findZone(alias)).toBe(canonical);
});

test("both spellings of a renamed zone are one", () => {
  expect(findZone("Europe/Kyiv")).toBeDefined();
  expect(findZone("Europe/Kyiv")).toBe(findZone("Europe/Kiev"));
});

test.each(["europe/london", "EUROPE/LONDON", "europe/kyiv", "utc", "us/pacific"])(
  "%s is not taken: its case is wrong",
  (name) => {
    expect(findZone(name)).toBeUndefined();
    expect(nearestZones(name, 1)).toEqual([zoneInRightCase(name)]);
    expect(zoneInRightCase(name)?.toLowerCase()).toBe(name.toLowerCase());
  },
);

test.each(["", "Mars/Olympus", "+05:30", "localtime", "../etc/passwd", "Europe/London "])("%j is no zone", (name) => {
  expect(findZone(name)).toBeUndefined();
});

test.each([
  ["Europe/Lodnon", "Europe/London"],
  ["London", "Europe/London"],
  ["America/Kathmandu", "Asia/Kathmandu"],
  ["New York", "America/New_York"],
])("the nearest to %s is %s", (name, nearest) => {
  expect(nearestZones(name, 3)[0]).toBe(nearest);
});

test("a name in its right case is not corrected, nor an unknown one", () => {
  expect(["Europe/London", "UTC", "Mars/Olympus"].map(zoneInRightCase)).toEqual([undefined, undefined, undefined]);
});

afterEach(() => vi.unstubAllGlobals());

test("a Node without Intl knows UTC only", () => {
  vi.stubGlobal("Intl", undefined);
  expect(["UTC", "Etc/UTC", "Europe/London"].map(findZone)).toEqual(["UTC", "UTC", undefined]);
  expect(zoneClock("UTC").segmentAt(0)).toMatchObject({ offset: 0 });
  expect(() => zoneClock("Europe/Lisbon")).toThrow("this Node's time zone data do not contain the zone Europe/Lisbon");
});

test("nothing is near to nonsense", () => {
  expect(nearestZones("qqqqqqqqqqqqqqqq", 3)).toEqual([]);
});

test("a segment ends where the clocks change, to the second", () => {
  const change = Date.parse("2026-03-29T01:00:00Z");
  const clock = zoneClock("Europe/London");
  expect(clock.segmentAt(change - 1)).toMatchObject({ endAt: change, offset: 0 });
  expect(clock.segmentAt(change)).toMatchObject({ startAt: change, offset: 3_600_000 });
});

test("an offset with seconds is read whole", () => {
  const clock = zoneClock("Africa/Monrovia");
  const change = Date.parse("1972-01-07T00:44:30Z");
  expect(clock.segmentAt(change - 1)).toMatchObject({ endAt: change, offset: -(44 * 60 + 30) * 1000 });
  expect(clock.segmentAt(change).offset).toBe(0);
});

test("segments follow each other without a hole", () => {
  const clock = zoneClock("America/Argentina/Tucuman");
  const offsets: number[] = [];
  const end = Date.parse("2005-01-01T00:00Z");
  for (let at = Date.parse("2004-01-01T00:00Z"); at < end; ) {
    const { startAt, endAt, offset } = clock.segmentAt(at);
    expect(startAt).toBeLessThanOrEqual(at);
    expect(endAt).toBeGreaterThan(at);
    if (offsets.at(-1) !== offset) offsets.push(offset);
    at = endAt;
  }
  // It left the country's time for twelve days in June.
  expect(offsets).toEqual([-10_800_000, -14_400_000, -10_800_000]);
});
