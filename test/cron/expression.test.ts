import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCron } from "../../src/cron/expression.ts";
import { CronSyntaxError } from "../../src/cron/field.ts";

function faultOf(text: string): CronSyntaxError {
  try {
    parseCron(text);
  } catch (error) {
    if (error instanceof CronSyntaxError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

describe("a cron expression", () => {
  test("is parsed into its values, and its stars decide the day rule and the class", () => {
    expect(parseCron(" */20\t1,3-5 1-31/10 JAN,7 mon-5,7 ")).toEqual({
      text: "*/20\t1,3-5 1-31/10 JAN,7 mon-5,7",
      minutes: [0, 20, 40],
      hours: [1, 3, 4, 5],
      days: [1, 11, 21, 31],
      months: [1, 7],
      weekdays: [0, 1, 2, 3, 4, 5],
      dayRule: "or",
      class: "wildcard",
    });
  });

  test("that is too long is not read", () => {
    const long = faultOf(`0 0 * * ${" ".repeat(900_000)}*`);
    expect(long.message).toBe("a cron expression has at most 4096 characters, but this one has 900009");
    expect(parseCron(`0 ${" ".repeat(4000)}0 * * * `).text).toHaveLength(4009);
  });

  test.each([
    ["0 0 */2 * 1", "and"],
    ["0 0 1 * */2", "and"],
    ["0 0 *,1 * 1", "and"],
    ["0 0 1,* * 1", "or"],
    ["0 0 1-31 * 1", "or"],
    ["@weekly", "and"],
  ])("%s has the day rule %j", (text, rule) => {
    expect(parseCron(text).dayRule).toBe(rule);
  });

  test.each([
    ["*/15 3 * * *", "wildcard"],
    ["0 * * * *", "wildcard"],
    ["0-59 3 * * *", "fixed"],
    ["0 0-23 * * *", "fixed"],
    ["@daily", "fixed"],
    ["@hourly", "wildcard"],
  ])("%s has the class %s", (text, cronClass) => {
    expect(parseCron(text).class).toBe(cronClass);
  });

  test.each(["0 0 29 2 *", "0 0 31 2,3 *", "0 0 30 2 1", "0 0 */30 12 1"])(
    "%s is accepted because it fires on some day",
    (text) => {
      expect(parseCron(text).text).toBe(text);
    },
  );
});

describe("the error for an invalid expression has an offset and, if the meaning is clear, a correct form", () => {
  test.each([
    ["75 * * * *", 0, "minute 75 is outside 0-59", undefined],
    ["0 0 1,32 * *", 6, "day 32 is outside 1-31", undefined],
    ["0 0 0 * *", 4, "day 0 is outside 1-31", undefined],
    ["5/15 * * * *", 0, "minute 5/15 has a step without a range", "Write `5-59/15`."],
    ["0/15 * * * *", 0, "minute 0/15 has a step without a range", "Write `*/15`."],
    ["0 0 1/2 * *", 4, "day 1/2 has a step without a range", "Write `1-31/2`."],
    ["0 22-2 * * *", 2, "hour 22-2 is a backward range, which selects nothing in cron", "Write `22-23,0-2`."],
    ["0 23-2 * * *", 2, "hour 23-2 is a backward range, which selects nothing in cron", "Write `23,0-2`."],
    ["0 20-4/2 * * *", 2, "hour 20-4/2 is a backward range, which selects nothing in cron", "Write `20,22,0,2,4`."],
    ["0 0 * * fri-sun", 8, "weekday fri-sun is a backward range, which selects nothing in cron", "Write `5-7`."],
    ["0 0 * * 7-2", 8, "weekday 7-2 is a backward range, which selects nothing in cron", "Write `0-2`."],
    ["*/0 * * * *", 0, "minute */0 has a step of 0", "Use a step of 1 or more."],
    ["1,,2 * * * *", 2, "minute has an empty item in its list", "Remove the extra comma."],
    ["4294967301 * * * *", 0, "minute 4294967301 has more than 9 digits", undefined],
    ["0 0 ? * 1", 4, "day ?: `?` is Quartz syntax", "Write `*`."],
    ["H 3 * * *", 0, "minute H: `H` (a value that Jenkins chooses) is Jenkins syntax", "Choose a number."],
    ["~ 3 * * *", 0, "minute ~: `~` (a random value) is cronie syntax", "Choose a number."],
    ["0 0 * * monday", 8, "weekday monday is not understood", "Names have three letters: write `mon`."],
    ["0 0 30 2 *", 4, "the cron expression never fires: month 2 has no day 30", expect.any(String)],
    ["@every", 0, "cron has no macro @every", expect.stringContaining("@hourly")],
    ["@constructor", 0, "cron has no macro @constructor", expect.any(String)],
    ["@daily 5", 7, "nothing may follow @daily, but 5 does", undefined],
    ["  @reboot", 2, "@reboot is not a time: cron runs it whenever its daemon starts", expect.any(String)],
    [
      "* * * *",
      0,
      "a cron expression has 5 fields, but this one has 4 fields",
      expect.stringContaining("minute hour day"),
    ],
    [
      "0 0 12 * * *",
      0,
      "a cron expression has 5 fields, but this one has 6 fields",
      expect.stringContaining("`0 12 * * *`"),
    ],
    ["0 3 * * * root", 0, "a cron expression has 5 fields, but this one has 6 fields", expect.any(String)],
    [
      "CRON_TZ=UTC 0 3 * * *",
      0,
      "CRON_TZ=UTC is not part of a cron expression",
      "Write time zones in the key `timezone`.",
    ],
    ["", 0, "the cron expression is empty", expect.any(String)],
    ["0 3 * * *\n", 9, "a cron expression is one line, but this one contains \\u000a", undefined],
    ["*\u00a0 * * * *", 0, "minute *\\u00a0 is not understood", expect.any(String)],
  ])("%j", (text, offset, message, hint) => {
    const fault = faultOf(text);
    expect({ message: fault.message, offset: fault.offset, hint: fault.hint }).toEqual({
      message,
      offset,
      hint,
    });
  });

  test.each(["0 0 L * *", "0 0 5L * *", "0 0 15W * *", "0 0 LW * *", "0 0 * * 1#2", "0 0 * * friL"])(
    "%s has no equivalent in cron, and the hint says so",
    (text) => {
      expect(faultOf(text).hint).toMatch(/cron has no syntax/);
    },
  );
});

describe("any text", () => {
  const typed = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(..."0123456789*/,-@#?LWH~ \t\r\nmonjan\u0000\u00a0") }),
  );

  test("gives a cron expression or a CronSyntaxError with an offset in the text", () => {
    fc.assert(
      fc.property(typed, (text) => {
        try {
          parseCron(text);
        } catch (error) {
          if (!(error instanceof CronSyntaxError)) throw error;
          expect(error.offset).toBeGreaterThanOrEqual(0);
          expect(error.offset).toBeLessThanOrEqual(text.length);
          expect(error.message).not.toMatch(/\p{Cc}/u);
        }
      }),
      { seed: 7, numRuns: 5000 },
    );
  });

  test("gets only hints whose correct form is valid", () => {
    const item = fc
      .tuple(fc.nat(62), fc.nat(62), fc.nat(9))
      .map(([a, b, step]) => (step === 0 ? `${a}-${b}` : step < 5 ? `${a}/${step}` : `${a}-${b}/${step}`));
    const cases = fc.tuple(item, fc.nat(4));
    let mended = 0;
    fc.assert(
      fc.property(cases, ([text, index]) => {
        const withItem = (word: string): string => ["0", "0", "*", "*", "*"].with(index, word).join(" ");
        let fault: CronSyntaxError | undefined;
        try {
          parseCron(withItem(text));
        } catch (error) {
          if (!(error instanceof CronSyntaxError)) throw error;
          fault = error;
        }
        const advice = /^Write `(.*)`\.$/.exec(fault?.hint ?? "")?.[1];
        if (advice === undefined) return;
        mended++;
        expect(parseCron(withItem(advice)).text).toBe(withItem(advice));
      }),
      { seed: 11, numRuns: 2000 },
    );
    expect(mended).toBeGreaterThan(200);
  });
});
