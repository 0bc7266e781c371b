import { expect, test } from "vitest";
import { parseCron } from "../../../src/cron/expression.ts";
import { decadesFrom } from "../../../src/schedulers/scheduler.ts";
import { calendarOf } from "../../../src/schedulers/systemd/calendar.ts";

const FRAME = { machineZone: "Europe/London", horizon: decadesFrom(new Date("2026-11-23T12:00Z")) };
const calendar = (timezone: string | undefined, ...crons: string[]) =>
  calendarOf({ crons: crons.map(parseCron), timezone }, FRAME);

test.each([
  ["*/5 * * * *", ["*-*-* *:00/5:00 UTC"]],
  ["0 0 * * 6", ["Sat *-*-* 00:00:00 UTC"]],
  ["30 9 * * 1-5", ["Mon..Fri *-*-* 09:30:00 UTC"]],
  ["30 9 * * 5-7", ["Fri..Sun *-*-* 09:30:00 UTC"]],
  ["30 9 * * 0,1", ["Mon,Sun *-*-* 09:30:00 UTC"]],
  ["0,30 8-18 1,15 1-3,7 *", ["*-01..03,07-01,15 08..18:00,30:00 UTC"]],
  ["*/7 */6 */2 * *", ["*-*-01/2 00/6:00/7:00 UTC"]],
  ["5-59/10 3 * * *", ["*-*-* 03:05/10:00 UTC"]],
  ["5,15,25 3 * * *", ["*-*-* 03:05,15,25:00 UTC"]],
  // Either day, in two lines; and both.
  ["0 2 1 * 1", ["*-*-01 02:00:00 UTC", "Mon *-*-02..31 02:00:00 UTC"]],
  ["0 2 */10 * 1", ["Mon *-*-01/10 02:00:00 UTC"]],
  ["0 2 31 2 1", ["Mon *-02-* 02:00:00 UTC"]],
])("%s", (cron, specs) => {
  expect(calendar("UTC", cron)).toEqual({ specs, mayFireEarly: false });
});

test("times that meet no clock change stand in their own zone, or in the machine's as it is", () => {
  expect(calendar("America/New_York", "30 9 * * *").specs).toEqual(["*-*-* 09:30:00 America/New_York"]);
  expect(calendar(undefined, "30 9 * * *").specs).toEqual(["*-*-* 09:30:00"]);
  // Next to a change, and on days without one.
  expect(calendar(undefined, "0 2 * * *").specs).toEqual(["*-*-* 02:00:00"]);
  expect(calendar(undefined, "30 1 * * 6").specs).toEqual(["Sat *-*-* 01:30:00"]);
});

test("times that meet one are candidates in UTC: no second pass, nothing lost", () => {
  expect(calendar(undefined, "30 1 * * *")).toEqual({
    specs: ["*-03..10-* 00:30:00 UTC", "Sun *-03-25..31 01:00:00 UTC", "*-01..03,10..12-* 01:30:00 UTC"],
    mayFireEarly: true,
  });
  expect(calendar("America/New_York", "*/15 * * * *").specs).toEqual(["*-*-* *:00/15:00 UTC"]);
});

test("of several crons only those go by UTC that have to", () => {
  expect(calendar("Europe/Berlin", "0 8 * * *", "30 2 * * 0").specs).toEqual([
    "*-*-* 08:00:00 Europe/Berlin",
    "Sun *-03..10-* 00:30:00 UTC",
    "Sun *-03-25..31 01:00:00 UTC",
    "Sun *-01..03,10..12-* 01:30:00 UTC",
  ]);
});

test("a time that two cron expressions share is rendered once", () => {
  expect(calendar("UTC", "*/30 8 * * 1-5", "0 8 * * *").specs).toEqual([
    "*-*-* 08:00:00 UTC",
    "Mon..Fri *-*-* 08:30:00 UTC",
  ]);
});
