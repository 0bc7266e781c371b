import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareWithCronParser } from "../../src/cron/compare-with-cron-parser.ts";
import { parseCron } from "../../src/cron/expression.ts";
import { lintCrons } from "../../src/schedule/lint.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";

const NOW = new Date("2026-11-23T12:00Z");

const pipeline = (crons: readonly string[], timezone?: string): Pipeline => ({
  tap: "orders",
  target: "redshift",
  command: "run_tap",
  crons: crons.map(parseCron),
  timezone,
  args: [],
  position: { line: 1, column: 1 },
});

const lint = async (text: string, zone = "UTC"): Promise<readonly string[]> =>
  (await lintCrons([pipeline([text])], { machineZone: zone, now: NOW })).map(({ message }) => message);

describe("a cron expression without warnings", () => {
  test.each([
    ["*/5 * * * *", "UTC"],
    ["0 * * * *", "UTC"],
    ["0 */3 * * *", "UTC"],
    ["0 0 * * *", "UTC"],
    ["0 0 * * 6", "UTC"],
    ["@hourly", "Europe/London"],
    ["*/5 * * * *", "Europe/London"],
    ["0 0 * * *", "Europe/London"],
    ["0 */3 * * *", "Europe/London"],
    ["30 1 * * 1-5", "Europe/London"],
    ["*/7 3 * * *", "UTC"],
    ["*/7 3,5 * * *", "UTC"],
    ["0 */5 * * 1", "UTC"],
    ["*/60 * * * *", "UTC"],
    ["0 */24 * * *", "UTC"],
    ["0 0 1 * 1", "UTC"],
    ["0 0 */2 * *", "UTC"],
  ])("can be %s in %s", async (text, zone) => {
    expect(await lint(text, zone)).toEqual([]);
  });
});

test.each([
  [
    "*/7 * * * *",
    "*/7 does not mean every 7 minutes: minute 56 is followed by minute 0 of the next hour, 4 minutes later",
  ],
  [
    "0-59/9 8-18 * * *",
    "0-59/9 does not mean every 9 minutes: minute 54 is followed by minute 0 of the next hour, 6 minutes later",
  ],
  [
    "*/59 * * * *",
    "*/59 does not mean every 59 minutes: minute 59 is followed by minute 0 of the next hour, one minute later",
  ],
  ["0 */5 * * *", "*/5 does not mean every 5 hours: hour 20 is followed by hour 0 of the next day, 4 hours later"],
  ["*/90 3 * * *", "*/90 means minute 0 of every hour, not every 90 minutes"],
  ["0 */36 * * *", "*/36 means hour 0 of every day, not every 36 hours"],
])("%s gives a warning about an uneven step", async (text, message) => {
  expect(await lint(text)).toEqual([message]);
});

test.each([
  [
    "30 1 * * *",
    "Europe/London",
    "the clock changes of Europe/London affect 01:30: skipped on 2027-03-28, and run at 02:00 instead; repeated on 2027-10-31, and run only the first time",
  ],
  [
    "*/15 1 * * *",
    "Europe/London",
    "the clock changes of Europe/London affect 01:00 to 01:45: skipped on 2027-03-28, and nothing runs then; repeated on 2027-10-31, and run twice",
  ],
  [
    "0 0-23 * * 0",
    "Europe/Paris",
    "the clock changes of Europe/Paris affect 02:00: skipped on 2027-03-28, and run at 03:00 instead; repeated on 2027-10-31, and run only the first time",
  ],
  [
    "30 */2 * * *",
    "America/New_York",
    "the clock changes of America/New_York affect 02:30: skipped on 2027-03-14, and nothing runs then",
  ],
  [
    "15 2 * * *",
    "Australia/Lord_Howe",
    "the clock changes of Australia/Lord_Howe affect 02:15: skipped on 2027-10-03, and run at 02:30 instead",
  ],
])("%s in %s gives a warning about clock changes", async (text, zone, message) => {
  expect(await lint(text, zone)).toEqual([message]);
});

test("clock changes are checked in the pipeline's own zone, and not checked if the zone is unknown", async () => {
  const each = [pipeline(["30 1 * * *"], "UTC"), pipeline(["30 1 * * *"], "Europe/London"), pipeline(["30 1 * * *"])];
  const warnings = await lintCrons(each, { machineZone: undefined, now: NOW });
  expect(warnings.map(({ path }) => path)).toEqual([["pipelines", 1, "cron", 0]]);
});

test("a warning shows the days of cron and of cron-parser if they differ, and what to write instead", async () => {
  const [warning] = await lintCrons([pipeline(["0 0 */2 * 1"])], { machineZone: "UTC", now: NOW });
  expect(warning).toEqual({
    path: ["pipelines", 0, "cron", 0],
    severity: "warning",
    message:
      "cron runs it at 00:00 on Monday, only when it is also one of days 1, 3, 5, … 31 of the month (2026-12-07, 2026-12-21, …); cron-parser would run it at 00:00 on days 1, 3, 5, … 31 of the month and also on every Monday (2026-11-25, 2026-11-27, …)",
    hint: "If a day field starts with `*`, cron requires both day fields to match; tools built on cron-parser do not. If either day is enough, write `1-31/2` instead of `*/2`.",
  });
});

test("each pipeline gets at most one warning of each kind, at its first cron expression that causes it", async () => {
  const warnings = await lintCrons(
    [pipeline(["0 * * * *", "*/7 * * * *", "*/9 * * * *", "30 1 * * *"], "Europe/London")],
    {
      machineZone: "UTC",
      now: NOW,
    },
  );
  expect(warnings.map(({ path }) => path.at(-1))).toEqual([1, 3]);
});

test("cron-parser agrees with cron if one day field is a bare star", () => {
  const list = (low: number, high: number) =>
    fc.uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 4 }).map((values) => values.join());
  const days = fc.oneof(list(1, 31), fc.constantFrom("*/2", "*/10", "1-7", "10-20/3", "*"));
  const weekdays = fc.oneof(list(0, 6), fc.constantFrom("*/2", "1-5", "mon", "7", "*"));
  const months = fc.oneof(fc.constant("*"), fc.constantFrom("1,7", "*/3", "jan-jun"));
  const texts = fc.oneof(
    fc.tuple(days, months).map(([day, month]) => `30 4 ${day} ${month} *`),
    fc.tuple(weekdays, months).map(([weekday, month]) => `30 4 * ${month} ${weekday}`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      expect([text, compareWithCronParser(parseCron(text), NOW)]).toEqual([text, undefined]);
    }),
    { seed: 11, numRuns: 40 },
  );
});
