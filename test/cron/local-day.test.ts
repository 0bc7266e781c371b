import { expect, test } from "vitest";
import { localDay } from "../../src/cron/run-times.ts";

test.each([
  ["2026-07-01", "Europe/London", "2026-06-30T23:00", "2026-07-01T23:00"],
  ["2026-03-29", "Europe/London", "2026-03-29T00:00", "2026-03-29T23:00"],
  ["2026-10-25", "Europe/London", "2026-10-24T23:00", "2026-10-26T00:00"],
  ["2026-04-05", "Australia/Lord_Howe", "2026-04-04T13:00", "2026-04-05T13:30"],
  ["2026-01-01", "UTC", "2026-01-01T00:00", "2026-01-02T00:00"],
  // Beirut's clocks go forward from 00:00 to 01:00, so the day begins at 01:00.
  ["2026-03-29", "Asia/Beirut", "2026-03-28T22:00", "2026-03-29T21:00"],
  ["2011-12-29", "Pacific/Apia", "2011-12-29T10:00", "2011-12-30T10:00"],
  ["2011-12-30", "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00"],
  ["2011-12-31", "Pacific/Apia", "2011-12-30T10:00", "2011-12-31T10:00"],
])("%s in %s lasts from %s to %s UTC", (date, zone, from, to) => {
  const day = localDay(date, zone);
  expect([day.from, day.to].map((at) => new Date(at).toISOString().slice(0, 16))).toEqual([from, to]);
});
