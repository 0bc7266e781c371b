import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalLines, isCanonical } from "../../src/cron/canonical.ts";
import { type Cron, parseCron } from "../../src/cron/expression.ts";
import { CronSyntaxError } from "../../src/cron/field.ts";
import { runTimes } from "../../src/cron/run-times.ts";
import { expressions } from "./expressions.ts";

const DAY = 86_400_000;

describe("an expression that is already canonical", () => {
  test.each([
    ["* * * * *"],
    ["*/5 * * * *"],
    ["0 * * * *"],
    ["0 */3 * * *"],
    ["0 0 * * *"],
    ["0 0 * * 6"],
    ["15,45 8,9 1,15 1,7 *"],
    ["*/7,3 5 * * *"],
    ["*/59 5 * * *"],
    ["0 */23,8,9 * * *"],
  ])("%s", (text) => {
    expect([canonicalLines(parseCron(text)), isCanonical(parseCron(text))]).toEqual([[text], true]);
  });

  test("may contain several blanks between its fields", () => {
    expect(isCanonical(parseCron("0\t 3 * *  0"))).toBe(true);
  });
});

describe("the canonical lines", () => {
  test.each([
    ["@hourly", "0 * * * *"],
    ["@daily", "0 0 * * *"],
    ["@weekly", "0 0 * * 0"],
    ["@yearly", "0 0 1 1 *"],
    ["0 0 * * sat", "0 0 * * 6"],
    ["0 0 * * 7", "0 0 * * 0"],
    ["0 0 * * 5-7", "0 0 * * 0,5,6"],
    ["0 3 * * 1-5", "0 3 * * 1,2,3,4,5"],
    ["0 0 1 jan,Dec *", "0 0 1 1,12 *"],
    ["0 0 */10 * *", "0 0 1,11,21,31 * *"],
    ["0 0 * */6 *", "0 0 * 1,7 *"],
    ["0 0 1-31 1-12 0-6", "0 0 * * *"],
    ["5,5,1 03 * * *", "1,5 3 * * *"],
    ["*/10,*/5 * * * *", "*/5 * * * *"],
    ["*,5 1 * * *", "* 1 * * *"],
    ["*/1 */1 * * *", "* * * * *"],
    // The values of a fixed field are listed, because a star would make it a wildcard field.
    ["0 0-23/12 * * *", "0 0,12 * * *"],
    ["0-59/20 3 * * *", "0,20,40 3 * * *"],
    // A starred step larger than its field.
    ["*/60 * * * *", "0 * * * *"],
    ["* */24 * * *", "* 0 * * *"],
    ["*/60 5 * * *", "*/59 5 * * *"],
    ["30 */48 * * *", "30 */23 * * *"],
    ["*/60,20 5 * * *", "*/59,20 5 * * *"],
    ["30 */24,5,6 * * *", "30 */23,5,6 * * *"],
    // Both days must match: the run checks the weekday.
    ["0 0 */2 * 1", "0 0 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * *"],
    ["0 0 1-7 * */7", "0 0 1,2,3,4,5,6,7 * *"],
    ["0 0 */1 * 1", "0 0 * * 1"],
  ])("of %s are %s", (text, line) => {
    expect([canonicalLines(parseCron(text)), isCanonical(parseCron(text))]).toEqual([[line], false]);
  });

  test("are two if either day field is enough", () => {
    expect(canonicalLines(parseCron("0 0 13 * fri"))).toEqual(["0 0 13 * *", "0 0 * * 5"]);
    expect(canonicalLines(parseCron("0 0 31 2,4 1"))).toEqual(["0 0 * 2,4 1"]);
    expect(canonicalLines(parseCron("0 0 1 * 0-6"))).toEqual(["0 0 * * *"]);
  });
});

const PORTABLE =
  /^(?:\*(?:\/\d+)?|\d+)(?:,\d+)* (?:\*(?:\/\d+)?|\d+)(?:,\d+)* (?:\*|[\d,]+) (?:\*|[\d,]+) (?:\*|[0-6,]+)$/;

const crons = expressions.map(readCron).filter((cron) => cron !== undefined);

/** The parsed expression; `undefined` if it is rejected. */
function readCron(text: string): Cron | undefined {
  try {
    return parseCron(text);
  } catch (error) {
    if (error instanceof CronSyntaxError) return undefined;
    throw error;
  }
}

const startsOf = (each: readonly Cron[], zone: string, from: number, to: number): ReadonlySet<number> =>
  new Set(each.flatMap((cron) => [...runTimes(cron, { zone, from, to })]));

/** Whether the lines may start more often than the expression. */
function addsStarts(cron: Cron, lines: readonly Cron[]): boolean {
  const [line = cron] = lines;
  const asksForBoth = cron.dayRule === "and" && cron.days.length < 31 && cron.weekdays.length < 7;
  return asksForBoth || String([cron.minutes, cron.hours]) !== String([line.minutes, line.hours]);
}

function expectSameStarts(cron: Cron, zone: string, from: number, to: number): void {
  const lines = canonicalLines(cron).map(parseCron);
  const [own, theirs] = [startsOf([cron], zone, from, to), startsOf(lines, zone, from, to)];
  expect([cron.text, [...own].filter((at) => !theirs.has(at))]).toEqual([cron.text, []]);
  if (!addsStarts(cron, lines)) expect([cron.text, theirs.size]).toEqual([cron.text, own.size]);
}

describe("the canonical lines of any expression", () => {
  test("consist of numbers, keep the class, are canonical themselves, and are short", () => {
    fc.assert(
      fc.property(crons, (cron) => {
        const lines = canonicalLines(cron);
        expect(lines).not.toEqual([]);
        for (const line of lines) {
          expect(line).toMatch(PORTABLE);
          expect(line.length).toBeLessThan(400);
          expect([line, parseCron(line).class]).toEqual([line, cron.class]);
          expect(canonicalLines(parseCron(line))).toEqual([line]);
        }
      }),
      { seed: 41, numRuns: 3000 },
    );
  });

  test.each([
    ["Europe/London", "2026-03-29"],
    ["Europe/London", "2026-10-25"],
    ["America/New_York", "2026-03-08"],
    ["America/New_York", "2026-11-01"],
    ["Australia/Lord_Howe", "2026-04-05"],
    ["Australia/Lord_Howe", "2026-10-04"],
  ])("start at the times of the expression, over the clock change of %s on %s", (zone, date) => {
    const from = Date.parse(date) - DAY;
    fc.assert(
      fc.property(crons, (cron) => expectSameStarts(cron, zone, from, from + 3 * DAY)),
      { seed: 42, numRuns: 300 },
    );
  });

  test("start at the times of the expression, over years", () => {
    const slow = crons.map((cron) => ({ ...cron, minutes: cron.minutes.slice(0, 1), hours: cron.hours.slice(0, 1) }));
    fc.assert(
      fc.property(slow, (cron) => {
        const fixed: Cron = { ...cron, text: `@${cron.text}`, class: "fixed" };
        expectSameStarts(fixed, "UTC", Date.UTC(2027, 0), Date.UTC(2031, 0));
      }),
      { seed: 43, numRuns: 300 },
    );
  });
});
