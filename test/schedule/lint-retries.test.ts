import { expect, test } from "vitest";
import { lintRetries } from "../../src/schedule/lint-retries.ts";
import { parseSchedule } from "../../src/schedule/parse.ts";

const NOW = new Date("2026-11-23T12:00Z");

function lint(cron: string, retries: string, more = ""): readonly string[] {
  const text = `pipelines: [{tap: orders, target: dwh, cron: ${cron}, retries: ${retries}${more}}]\n`;
  const { schedule } = parseSchedule(text, { file: "schedule.yml", path: "/schedule.yml", bytes: Buffer.from(text) });
  return lintRetries(schedule?.pipelines ?? [], { machineZone: "UTC", now: NOW }).map(({ message }) => message);
}

test.each([
  ["'*/5 * * * *'", "{max: 2}"],
  ["'0 * * * *'", "{max: 5, delay: 1m}"],
  ["'* * * * *'", "{max: 1, delay: 59s}"],
  ["'* * * * *'", "{max: 0, delay: 2h, max_delay: 2h}"],
  ["'0 0 29 2 *'", "{max: 20, delay: 1d, max_delay: 1d}"],
  ["['0 0 * * *', '0 12 * * *']", "{max: 1, delay: 11h}"],
])("%s with %s has no warning", (cron, retries) => {
  expect(lint(cron, retries)).toEqual([]);
});

test.each([
  [
    "'*/5 * * * *'",
    "{max: 3, delay: 1m}",
    "1 min + 2 min + 4 min = 7 min, but the pipeline may be due again after 5 min (2026-11-23 12:00Z to 2026-11-23 12:05Z): then at most 2 of 3 can start",
  ],
  [
    "'* * * * *'",
    "{max: 1}",
    "1 min, but the pipeline may be due again after 1 min (2026-11-23 12:00Z to 2026-11-23 12:01Z): then at most 0 of 1 can start",
  ],
  [
    "'0 * * * *'",
    "{max: 4, delay: 20m, backoff: 3, max_delay: 30m}",
    "20 min + 30 min + 30 min + 30 min = 1 h 50 min, but the pipeline may be due again after 1 h (2026-11-23 12:00Z to 2026-11-23 13:00Z): then at most 2 of 4 can start",
  ],
  [
    "['0 0 * * *', '10 0 1 * *']",
    "{max: 1, delay: 15m}",
    "15 min, but the pipeline may be due again after 10 min (2026-12-01 00:00Z to 2026-12-01 00:10Z): then at most 0 of 1 can start",
  ],
])("%s with %s has a warning with the arithmetic", (cron, retries, message) => {
  expect(lint(cron, retries)).toEqual([`the retries wait ${message}`]);
});

test("the interval is found in the pipeline's time zone", () => {
  expect(lint("['30 2 * * *', '0 4 * * *']", "{max: 1, delay: 65m}", ", timezone: Europe/Berlin")).toEqual([
    "the retries wait 1 h 5 min, but the pipeline may be due again after 1 h (2027-03-28 01:00Z to 2027-03-28 02:00Z): then at most 0 of 1 can start",
  ]);
});
