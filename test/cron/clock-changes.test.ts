import { expect, test } from "vitest";
import { dstOverlap } from "../../src/cron/clock-changes.ts";
import { parseCron } from "../../src/cron/expression.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";

const from = Date.parse("2026-11-23T12:00Z");
const YEAR = 365.25 * 86_400_000;
const overlap = (text: string, zone: string, years = 1) =>
  dstOverlap(parseCron(text), zoneClock(zone), { from, to: from + years * YEAR });

test.each([
  ["30 9 * * *", "Europe/London", "none"],
  ["30 1 * * 6", "Europe/London", "none"],
  ["30 1 * * *", "Europe/London", "overlapping"],
  ["0 1 * * 0", "Europe/London", "overlapping"],
  ["59 1 31 10 *", "Europe/London", "overlapping"],
  ["59 0 * * 0", "Europe/London", "adjacent"],
  ["0 2 * * 0", "Europe/London", "adjacent"],
  ["1 2 * * 0", "Europe/London", "none"],
  ["30 2 * * 0", "America/New_York", "overlapping"],
  ["30 1 * * 0", "America/New_York", "overlapping"],
  ["*/5 * * * *", "Europe/London", "every-hour"],
  ["0-59/5 0-23 * * *", "Europe/London", "overlapping"],
  ["*/5 * * * 1-5", "Europe/London", "none"],
  ["30 */2 * * *", "America/New_York", "overlapping"],
  ["15 * * * *", "Australia/Lord_Howe", "overlapping"],
  ["45 * * * *", "Pacific/Chatham", "every-hour"],
  ["0 0 * * *", "America/Havana", "overlapping"],
  ["* * * * *", "Asia/Kathmandu", "none"],
  ["* * * * *", "UTC", "none"],
])("dstOverlap of %s in %s is %s", (text, zone, expected) => {
  expect(overlap(text, zone)).toBe(expected);
});

test("a day of the month overlaps a clock change only in the years in which the change is on that day", () => {
  expect(overlap("30 1 28 * *", "Europe/London", 1)).toBe("overlapping");
  expect(overlap("30 1 25 * *", "Europe/London", 1)).toBe("none");
  expect(overlap("30 1 25 * *", "Europe/London", 28)).toBe("overlapping");
});
