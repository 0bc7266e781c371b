import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCron } from "../../src/cron/expression.ts";
import { CronSyntaxError } from "../../src/cron/field.ts";
import { nextRuns, runTimes, startTimes } from "../../src/cron/run-times.ts";
import { daemonStarts, wallMinutes } from "./daemon.ts";
import { expressions } from "./expressions.ts";

const HOUR = 3_600_000;
const iso = (at: number | Date): string => new Date(at).toISOString().slice(0, 16);

/** Clock changes of every kind: yearly ones, and single changes of an offset. */
const CHANGES = [
  ["Europe/London", "2026-03-29T01:00Z"],
  ["Europe/London", "2026-10-25T01:00Z"],
  ["America/New_York", "2026-03-08T07:00Z"],
  ["America/New_York", "2026-11-01T06:00Z"],
  ["Australia/Lord_Howe", "2026-04-04T15:00Z"],
  ["Australia/Lord_Howe", "2026-10-03T15:30Z"],
  ["Africa/Casablanca", "2026-02-15T02:00Z"],
  ["Africa/Casablanca", "2026-03-22T02:00Z"],
  ["Antarctica/Troll", "2026-03-29T01:00Z"],
  ["Antarctica/Troll", "2026-10-25T01:00Z"],
  ["Pacific/Apia", "2011-12-30T10:00Z"],
  ["Pacific/Kwajalein", "1993-08-21T12:00Z"],
  ["Asia/Pyongyang", "2015-08-14T15:00Z"],
  ["Asia/Pyongyang", "2018-05-04T15:00Z"],
  ["Europe/Istanbul", "2016-09-06T21:00Z"],
  ["America/Caracas", "2007-12-09T07:00Z"],
  ["America/Caracas", "2016-05-01T07:00Z"],
  ["Asia/Kathmandu", "1985-12-31T18:30Z"],
  ["Antarctica/Casey", "2020-10-03T16:01Z"],
  ["Asia/Kolkata", "2026-03-29T01:00Z"],
] as const;

const windows = CHANGES.map(([zone, change]) => {
  const from = Date.parse(change) - 30 * HOUR;
  const to = Date.parse(change) + 54 * HOUR;
  return { zone, change, from, to, walls: wallMinutes(zone, from, to) };
});

describe("the start times", () => {
  test.each(windows)("agree with the daemon's loop, minute by minute: $zone $change", ({ zone, from, to, walls }) => {
    let compared = 0;
    fc.assert(
      fc.property(expressions, (text) => {
        const cron = parsedOrNot(text);
        fc.pre(cron !== undefined);
        const starts = daemonStarts(cron, walls);
        expect([...startTimes(cron, { zone, from: from + 60_000, to })].map(iso)).toEqual(starts.map(iso));
        expect([...runTimes(cron, { zone, from: from + 60_000, to })]).toEqual([...new Set(starts)]);
        compared += starts.length;
      }),
      { seed: 20260329, numRuns: 80 },
    );
    expect(compared).toBeGreaterThan(500);
  });

  test.each(windows)("do not depend on the start of the period: $zone $change", ({ zone, from, to }) => {
    fc.assert(
      fc.property(expressions, fc.integer({ min: 0, max: to - from }), (text, later) => {
        const cron = parsedOrNot(text);
        fc.pre(cron !== undefined);
        const all = [...startTimes(cron, { zone, from, to })];
        const begin = from + later;
        expect([...startTimes(cron, { zone, from: begin, to })]).toEqual(all.filter((at) => at >= begin));
        expect([...startTimes(cron, { zone, from, to: begin })]).toEqual(all.filter((at) => at < begin));
      }),
      { seed: 20261025, numRuns: 25 },
    );
  });
});

function parsedOrNot(text: string) {
  try {
    return parseCron(text);
  } catch (error) {
    if (error instanceof CronSyntaxError) return undefined;
    throw error;
  }
}

describe("the next runs", () => {
  const after = new Date("2026-01-01T00:00:00Z");

  test("are strictly after the given instant", () => {
    const runs = nextRuns(parseCron("*/30 * * * *"), { zone: "UTC", after, count: 2 });
    expect(runs.map(iso)).toEqual(["2026-01-01T00:30", "2026-01-01T01:00"]);
  });

  test("are found decades away", () => {
    const runs = nextRuns(parseCron("0 0 29 2 */8"), { zone: "Europe/London", after, count: 4 });
    expect(runs.map(iso)).toEqual(["2032-02-29T00:00", "2060-02-29T00:00", "2088-02-29T00:00", "2128-02-29T00:00"]);
  });

  test("end with the year 9999", () => {
    const late = new Date("9999-12-30T12:00:00Z");
    const runs = nextRuns(parseCron("@daily"), { zone: "Asia/Tokyo", after: late, count: 5 });
    expect(runs.map(iso)).toEqual(["9999-12-30T15:00"]);
  });

  test("are empty for a count of 0", () => {
    expect(nextRuns(parseCron("@daily"), { zone: "UTC", after, count: 0 })).toEqual([]);
  });

  test("contain one run if cron makes up for two starts in one minute", () => {
    const span = { zone: "Europe/London", from: Date.parse("2026-03-29T00:00Z"), to: Date.parse("2026-03-29T03:00Z") };
    const cron = parseCron("15,45 1 * * *");
    expect([...startTimes(cron, span)].map(iso)).toEqual(["2026-03-29T01:00", "2026-03-29T01:00"]);
    expect([...runTimes(cron, span)].map(iso)).toEqual(["2026-03-29T01:00"]);
  });

  test("are at whole local minutes if the offset has seconds", () => {
    const runs = nextRuns(parseCron("0 12 * * *"), {
      zone: "Africa/Monrovia",
      after: new Date("1971-06-01T00:00:00Z"),
      count: 1,
    });
    expect(runs.map((run) => run.toISOString())).toEqual(["1971-06-01T12:44:30.000Z"]);
  });
});
