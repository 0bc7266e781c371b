import { afterEach, expect, test, vi } from "vitest";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import {
  findZone,
  isPortableZone,
  nearestZones,
  zoneInRightCase,
  zonesForShortName,
} from "../../src/cron/zone-names.ts";

test.each(["Europe/London", "America/New_York", "Australia/Lord_Howe"])("%s is a zone", (name) => {
  expect(findZone(name)).toBe(name);
});

test.each([
  ["US/Pacific", "America/Los_Angeles"],
  ["GB", "Europe/London"],
  ["Etc/UTC", "UTC"],
])("%s is an alias of %s", (alias, canonical) => {
  expect(findZone(alias)).toBe(canonical);
});

test("both names of a renamed zone have the same canonical name", () => {
  expect(findZone("Europe/Kyiv")).toBeDefined();
  expect(findZone("Europe/Kyiv")).toBe(findZone("Europe/Kiev"));
});

test.each(["europe/london", "EUROPE/LONDON", "europe/kyiv", "utc", "us/pacific"])(
  "%s is rejected because its case is wrong",
  (name) => {
    expect(findZone(name)).toBeUndefined();
    expect(nearestZones(name, 1)).toEqual([zoneInRightCase(name)]);
    expect(zoneInRightCase(name)?.toLowerCase()).toBe(name.toLowerCase());
  },
);

test.each(["", "Mars/Olympus", "+05:30", "localtime", "../etc/passwd", "Europe/London "])(
  "%j is not a zone",
  (name) => {
    expect(findZone(name)).toBeUndefined();
  },
);

test.each([
  ["Europe/Lodnon", "Europe/London"],
  ["London", "Europe/London"],
  ["America/Kathmandu", "Asia/Kathmandu"],
  ["New York", "America/New_York"],
])("the most similar name to %s is %s", (name, nearest) => {
  expect(nearestZones(name, 3)[0]).toBe(nearest);
});

test.each(["UTC", "GMT", "Zulu", "Etc/GMT+5", "Europe/London", "US/Eastern", "America/Argentina/Ushuaia"])(
  "%s means the same to every program",
  (name) => expect(isPortableZone(name)).toBe(true),
);

// The last three are ids of ICU's own.
test.each(["BST", "IST", "CST", "PST", "EST", "CET", "EST5EDT", "GB", "Japan", "AST", "SST", "SystemV/EST5"])(
  "%s does not mean the same to every program",
  (name) => expect(isPortableZone(name)).toBe(false),
);

test.each([
  ["BST", "Europe/London, Asia/Dhaka"],
  ["cet", "Europe/Paris, Europe/Berlin"],
  ["Japan", "Asia/Tokyo"],
  ["XYZ", undefined],
])("the likely zones for %s are %s", (name, zones) => expect(zonesForShortName(name)).toBe(zones));

test("a correct name and an unknown name are not corrected", () => {
  expect(["Europe/London", "UTC", "Mars/Olympus"].map(zoneInRightCase)).toEqual([undefined, undefined, undefined]);
});

afterEach(() => vi.unstubAllGlobals());

test("a Node without Intl knows UTC only", () => {
  vi.stubGlobal("Intl", undefined);
  expect(["UTC", "Etc/UTC", "Europe/London"].map(findZone)).toEqual(["UTC", "UTC", undefined]);
  expect(zoneClock("UTC").intervalAt(0)).toMatchObject({ offset: 0 });
  expect(() => zoneClock("Europe/Lisbon")).toThrow("this Node's time zone data do not contain the zone Europe/Lisbon");
});

test("an unrecognisable name has no similar names", () => {
  expect(nearestZones("qqqqqqqqqqqqqqqq", 3)).toEqual([]);
});

test("an interval ends exactly when the clocks change", () => {
  const change = Date.parse("2026-03-29T01:00:00Z");
  const clock = zoneClock("Europe/London");
  expect(clock.intervalAt(change - 1)).toMatchObject({ endAt: change, offset: 0 });
  expect(clock.intervalAt(change)).toMatchObject({ startAt: change, offset: 3_600_000 });
});

test("an offset with seconds is read completely", () => {
  const clock = zoneClock("Africa/Monrovia");
  const change = Date.parse("1972-01-07T00:44:30Z");
  expect(clock.intervalAt(change - 1)).toMatchObject({ endAt: change, offset: -(44 * 60 + 30) * 1000 });
  expect(clock.intervalAt(change).offset).toBe(0);
});

test("intervals follow each other without gaps", () => {
  const clock = zoneClock("America/Argentina/Tucuman");
  const offsets: number[] = [];
  const end = Date.parse("2005-01-01T00:00Z");
  for (let at = Date.parse("2004-01-01T00:00Z"); at < end; ) {
    const { startAt, endAt, offset } = clock.intervalAt(at);
    expect(startAt).toBeLessThanOrEqual(at);
    expect(endAt).toBeGreaterThan(at);
    if (offsets.at(-1) !== offset) offsets.push(offset);
    at = endAt;
  }
  // This zone had another offset than the rest of the country for twelve days in June.
  expect(offsets).toEqual([-10_800_000, -14_400_000, -10_800_000]);
});
