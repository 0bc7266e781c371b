import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clockChanges } from "../../src/cron/clock-changes.ts";
import { type Cron, parseCron } from "../../src/cron/expression.ts";
import { CronSyntaxError } from "../../src/cron/field.ts";
import { runTimes } from "../../src/cron/run-times.ts";
import { exactSets, type TimeSet, utcCandidates } from "../../src/cron/utc-schedule.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { expressions } from "./expressions.ts";

const DAY = 86_400_000;
const YEAR = 366 * DAY;
const NOON = Date.parse("2026-11-23T12:00Z");
const ZONES = [
  "Europe/London",
  "America/New_York",
  "America/St_Johns",
  "America/Santiago",
  "America/Havana",
  "Africa/Casablanca",
  "Africa/Cairo",
  "Asia/Kathmandu",
  "Australia/Lord_Howe",
  "Pacific/Chatham",
  "Pacific/Kiritimati",
  "Pacific/Pago_Pago",
  "Atlantic/Azores",
  "Antarctica/Troll",
  // Skipped 30 December 2011.
  "Pacific/Apia",
  // Changed their rules several times, at unusual instants.
  "Asia/Pyongyang",
  "America/Caracas",
  "Europe/Volgograd",
];

const holds = (set: TimeSet, at: number): boolean => {
  const date = new Date(at);
  return (
    set.minutes.includes(date.getUTCMinutes()) &&
    set.hours.includes(date.getUTCHours()) &&
    set.days.includes(date.getUTCDate()) &&
    set.months.includes(date.getUTCMonth() + 1) &&
    set.weekdays.includes(date.getUTCDay())
  );
};

/** The sets as cron expressions in which all fields must match. */
const lines = (sets: readonly TimeSet[]): readonly string[] =>
  sets.map(({ minutes, hours, days, months, weekdays }) =>
    [field(minutes, 60), field(hours, 24), field(days, 31), field(months, 12), field(weekdays, 7)].join(" "),
  );
const field = (values: readonly number[], all: number): string => (values.length === all ? "*" : values.join());

const parsed = (text: string): Cron | undefined => {
  try {
    return parseCron(text);
  } catch (error) {
    if (error instanceof CronSyntaxError) return undefined;
    throw error;
  }
};
const crons = fc.array(
  expressions.map(parsed).filter((cron) => cron !== undefined),
  { minLength: 1, maxLength: 3 },
);

/** Periods around every clock change and around the ends of months. */
function* interesting(zone: string, from: number, to: number) {
  for (const { at } of clockChanges(zoneClock(zone), { from, to })) yield at;
  for (let at = from; at < to; at += DAY) if (new Date(at).getUTCDate() === 1) yield at;
}

describe("the candidates in UTC", () => {
  test("contain every instant that is due, each in one set", () => {
    fc.assert(
      fc.property(
        crons,
        fc.constantFrom(...ZONES),
        fc.integer({ min: Date.parse("2007-01-01T00:00Z") / DAY, max: Date.parse("2036-01-01T00:00Z") / DAY }),
        (crons, zone, day) => {
          const horizon = { from: day * DAY, to: day * DAY + 2 * YEAR };
          const sets = utcCandidates(crons, zoneClock(zone), horizon);
          for (const at of interesting(zone, horizon.from, horizon.to)) {
            const span = { zone, from: Math.max(horizon.from, at - DAY), to: Math.min(horizon.to, at + 2 * DAY) };
            for (const cron of crons) {
              for (const due of runTimes(cron, span)) {
                const count = sets.filter((set) => holds(set, due)).length;
                if (count !== 1)
                  expect.fail(`${cron.text} ${zone}: ${new Date(due).toISOString()} stands in ${count} sets`);
              }
            }
          }
        },
      ),
      { numRuns: 150, seed: 6 },
    );
  });

  const TWO_YEARS = { from: NOON, to: NOON + 2 * YEAR };
  test.each([
    // Exactly the due instants, where UTC times can express them.
    ["Europe/London", "*/5 * * * *", 1],
    ["Asia/Kathmandu", "0 3 * * 1-5", 1],
    // London has both offsets in March and October.
    ["Europe/London", "30 1 * * *", 1.2],
    ["Europe/London", "0 0 * * 6", 1.2],
    ["Europe/London", "*/15 1 * * 0", 1.2],
    ["America/New_York", "30 */2 * * *", 1.2],
    ["America/New_York", "30 2 1 * 1", 1.2],
    // Any possible last day of a month.
    ["Asia/Kathmandu", "0 0 1 * *", 4.01],
    ["Africa/Casablanca", "30 2 * * *", 2.2],
  ])("in %s, %s has few additional starts", (zone, text, factor) => {
    const cron = parseCron(text);
    const sets = utcCandidates([cron], zoneClock(zone), TWO_YEARS);
    let candidates = 0;
    for (let at = NOON; at < TWO_YEARS.to; at += 60_000) if (sets.some((set) => holds(set, at))) candidates++;
    const due = [...runTimes(cron, { zone, ...TWO_YEARS })].length;
    expect([candidates >= due, candidates <= factor * due]).toEqual([true, true]);
  });

  test("have separate sets for each offset and for skipped times", () => {
    expect(lines(utcCandidates([parseCron("30 1 * * *")], zoneClock("Europe/London"), TWO_YEARS))).toEqual([
      "30 0 * 3,4,5,6,7,8,9,10 *",
      "0 1 26,27,28 3 0",
      "30 1 * 1,2,3,10,11,12 *",
    ]);
  });
});

describe("the exact sets", () => {
  test.each([
    [["30 9 * * 1-5"], ["30 9 * * 1,2,3,4,5"]],
    // Either day is enough: one set for the day of the month, one for the weekday on the other days.
    [["0 2 1 * 1"], ["0 2 1 * *", `0 2 ${Array.from({ length: 30 }, (_, day) => day + 2)} * 1`]],
    [["0 2 1-31 * 1"], ["0 2 * * *"]],
    // Both days must match.
    [["0 2 */10 * 1"], ["0 2 1,11,21,31 * 1"]],
    // Days that never occur are left out.
    [["0 2 31 2 1"], ["0 2 * 2 1"]],
    // An instant of two expressions is in one set.
    [
      ["*/30 8-10 * * 1-5", "0 */8 * * *"],
      ["0 0,8,16 * * *", "30 8 * * 1,2,3,4,5", "0,30 9,10 * * 1,2,3,4,5"],
    ],
  ])("of %j are %j", (texts, expected) => {
    expect(lines(exactSets(texts.map(parseCron)))).toEqual(expected);
  });

  test("contain exactly the instants that are due, each once", () => {
    fc.assert(
      fc.property(crons, fc.integer({ min: 14_000, max: 24_000 }), (crons, day) => {
        const sets = exactSets(crons);
        const span = { zone: "UTC", from: day * DAY, to: (day + 2) * DAY };
        const due = new Set(crons.flatMap((cron) => [...runTimes(cron, span)]));
        for (let at = span.from; at < span.to; at += 60_000) {
          expect(sets.filter((set) => holds(set, at)).length).toBe(due.has(at) ? 1 : 0);
        }
      }),
      { numRuns: 60, seed: 6 },
    );
  });
});
