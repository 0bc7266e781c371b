import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Cron, parseCron } from "../../../src/cron/expression.ts";
import { CronSyntaxError } from "../../../src/cron/field.ts";
import { runTimes } from "../../../src/cron/run-times.ts";
import { eventStarts, mayFireEarly } from "../../../src/schedulers/cronicle/starts.ts";
import { decadesFrom } from "../../../src/schedulers/scheduler.ts";
import { expressions } from "../../cron/expressions.ts";
import { cronicleStarts } from "./matcher.ts";

const DAY = 86_400_000;
const HORIZON = decadesFrom(new Date("2026-11-23T12:00Z"));
const starts = (zone: string, ...crons: string[]) => eventStarts({ crons: crons.map(parseCron), zone }, HORIZON);

describe("the events of a pipeline", () => {
  test.each([
    ["UTC", "*/5 * * * *", [{ minutes: [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55] }]],
    ["UTC", "* * * * *", [{}]],
    ["UTC", "0 0 * * 7", [{ minutes: [0], hours: [0], weekdays: [0] }]],
    // A star at the beginning of a day field makes an "and" of them, as in cron.
    ["UTC", "0 0 */2 * 1", [{ minutes: [0], hours: [0], days: odd(), weekdays: [1] }]],
    ["UTC", "0 0 1-31 * 1", [{ minutes: [0], hours: [0] }]],
  ])("%s %s: its times", (zone, cron, timings) => {
    expect(starts(zone, cron).map(({ timing }) => timing)).toEqual(timings);
  });

  test("a cron with both day fields is two events, never at the same minute", () => {
    expect(starts("UTC", "30 3 1,15 * 5").map(({ timing }) => timing)).toEqual([
      { minutes: [30], hours: [3], days: [1, 15] },
      { minutes: [30], hours: [3], days: [...days(2, 14), ...days(16, 31)], weekdays: [5] },
    ]);
  });

  test("a pipeline keeps its zone, and has an event more where the clocks skip one of its times", () => {
    expect(starts("Europe/Berlin", "0 2 * * *")).toEqual([
      { timing: { minutes: [0], hours: [2] }, timezone: "Europe/Berlin", kind: "times" },
      { timing: { minutes: [0], hours: [3], months: [3], weekdays: [0] }, timezone: "Europe/Berlin", kind: "landing" },
    ]);
    expect(starts("Europe/Berlin", "0 4 * * *")).toHaveLength(1);
    // The event itself starts the time that is caught up at three o'clock.
    expect(starts("Europe/Berlin", "0 2,3 * * *")).toHaveLength(1);
    // cron loses these too.
    expect(starts("Europe/Berlin", "*/15 2 * * *")).toHaveLength(1);
  });

  test("a zone that Cronicle's data do not have, or have wrong, gets its old name or events in UTC", () => {
    const zoneOf = (zone: string) => starts(zone, "0 9 * * 1").map(({ timezone }) => timezone);
    expect(zoneOf("Europe/Kyiv")).toEqual(["Europe/Kiev"]);
    expect(zoneOf("America/Mexico_City")).toEqual(["UTC"]);
    expect(zoneOf("US/Eastern")).toEqual(["US/Eastern"]);
  });

  test("where there is none, by candidates in UTC", () => {
    expect(starts("Africa/Cairo", "0 9 * * 1")).toEqual([
      {
        timing: { minutes: [0], hours: [6], months: days(4, 10), weekdays: [1] },
        timezone: "UTC",
        kind: "candidates",
      },
      {
        timing: { minutes: [0], hours: [7], months: [...days(1, 4), ...days(10, 12)], weekdays: [1] },
        timezone: "UTC",
        kind: "candidates",
      },
    ]);
  });

  test("crons that say the same are one event", () => {
    expect(starts("UTC", "0 0 * * *", "@daily")).toHaveLength(1);
  });
});

test.each([
  ["UTC", ["0 1 * * *"], false],
  ["UTC", ["0 1 * * *", "0 2 * * *"], false],
  ["UTC", ["0 1 * * *", "0 1 * * 1"], false],
  ["Europe/London", ["0 4 * * *"], false],
  ["Europe/London", ["30 1 * * *"], true],
  ["Africa/Cairo", ["0 9 * * *"], true],
])("%s %j: whether a start of an event may have nothing to do", (zone, crons, loose) => {
  expect(mayFireEarly({ crons: crons.map(parseCron), zone }, HORIZON)).toBe(loose);
});

const NIGHTS = [
  ["Europe/Berlin", "2027-03-28T01:00Z"],
  ["Europe/Berlin", "2027-10-31T01:00Z"],
  ["Europe/Kyiv", "2027-03-28T01:00Z"],
  ["America/New_York", "2027-03-14T07:00Z"],
  ["America/New_York", "2027-11-07T06:00Z"],
  ["America/Havana", "2027-03-14T05:00Z"],
  ["America/Santiago", "2027-09-05T04:00Z"],
  ["Australia/Lord_Howe", "2027-10-02T15:30Z"],
  ["Australia/Lord_Howe", "2027-04-03T15:00Z"],
  ["Africa/Cairo", "2027-04-29T22:00Z"],
  ["Africa/Casablanca", "2027-02-07T02:00Z"],
  ["America/Nuuk", "2027-03-28T01:00Z"],
  ["Asia/Tehran", "2027-03-21T20:30Z"],
  ["Asia/Kathmandu", "2027-06-30T18:15Z"],
] as const;

test.each(NIGHTS)(
  "Cronicle's starts in %s around %s contain every run, and an exact event contains nothing else",
  (zone, change) => {
    const span = { from: Date.parse(change) - DAY, to: Date.parse(change) + DAY };
    fc.assert(
      fc.property(expressions, (text) => {
        const cron = parsed(text);
        fc.pre(cron !== undefined);
        const due = [...runTimes(cron, { zone, ...span })];
        const found = cronicleStarts(eventStarts({ crons: [cron], zone }, HORIZON), span);
        expect(due.filter((at) => !found.includes(at))).toEqual([]);
        if (!mayFireEarly({ crons: [cron], zone }, HORIZON)) expect(found).toEqual(due);
      }),
      { seed: 6, numRuns: 40 },
    );
  },
);

function parsed(text: string): Cron | undefined {
  try {
    return parseCron(text);
  } catch (error) {
    if (error instanceof CronSyntaxError) return undefined;
    throw error;
  }
}

function days(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function odd(): readonly number[] {
  return days(1, 31).filter((day) => day % 2 === 1);
}
