import { expect, test } from "vitest";
import { clockContact } from "../../src/cron/clock-changes.ts";
import { parseCron } from "../../src/cron/expression.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";

const from = Date.parse("2026-11-23T12:00Z");
const YEAR = 365.25 * 86_400_000;
const contact = (text: string, zone: string, years = 1) =>
  clockContact(parseCron(text), zoneClock(zone), { from, to: from + years * YEAR });

test.each([
  ["30 9 * * *", "Europe/London", "apart"],
  ["30 1 * * 6", "Europe/London", "apart"],
  ["30 1 * * *", "Europe/London", "inside"],
  ["0 1 * * 0", "Europe/London", "inside"],
  ["59 1 31 10 *", "Europe/London", "inside"],
  ["59 0 * * 0", "Europe/London", "edge"],
  ["0 2 * * 0", "Europe/London", "edge"],
  ["1 2 * * 0", "Europe/London", "apart"],
  ["30 2 * * 0", "America/New_York", "inside"],
  ["30 1 * * 0", "America/New_York", "inside"],
  ["*/5 * * * *", "Europe/London", "every-hour"],
  ["0-59/5 0-23 * * *", "Europe/London", "inside"],
  ["*/5 * * * 1-5", "Europe/London", "apart"],
  ["30 */2 * * *", "America/New_York", "inside"],
  ["15 * * * *", "Australia/Lord_Howe", "inside"],
  ["45 * * * *", "Pacific/Chatham", "every-hour"],
  ["0 0 * * *", "America/Havana", "inside"],
  ["* * * * *", "Asia/Kathmandu", "apart"],
  ["* * * * *", "UTC", "apart"],
])("%s in %s lies %s", (text, zone, expected) => {
  expect(contact(text, zone)).toBe(expected);
});

test("a day of the month meets a change in the years in which that falls on it", () => {
  expect(contact("30 1 28 * *", "Europe/London", 1)).toBe("inside");
  expect(contact("30 1 25 * *", "Europe/London", 1)).toBe("apart");
  expect(contact("30 1 25 * *", "Europe/London", 28)).toBe("inside");
});
