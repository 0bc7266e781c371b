import { expect, test } from "vitest";
import { parseCron } from "../../src/cron/expression.ts";
import { runTimes } from "../../src/cron/next.ts";
import { minute } from "./rig/cron-log.ts";
import { runStepped } from "./rig/run-stepped.ts";
import { describeOnRealCron } from "./rig/suite.ts";

/** Over the end of a month and of a year; the 1st is a Friday, the 31st a Thursday. */
const from = new Date("2026-12-20T00:00:00Z");
const to = new Date("2027-01-03T00:00:00Z");

/** Each reads otherwise in some library, some other daemon, or some head. */
const EXPRESSIONS = [
  // Day fields: either matches, unless one of them begins with a star.
  "0 0 */2 * 1",
  "0 0 23 * 5",
  "0 1 1-7 * */7",
  "0 2 1,* * 1",
  "0 3 *,1 * 5",
  "0 4 */10,31 * *",
  "0 5 31 1,12 fri",
  "0 6 * * *,mon",
  "0 7 31-31 12-12 5-5",
  "10-20/3,50 */12 * * */2",
  // Steps: from the first value, beyond the range, over the hour's end.
  "*/17 */5 * * *",
  "5-59/15 4 * * *",
  "*/60 8 * * *",
  "0 9 1-31/5 * *",
  "*/1 18 24 12 *",
  "0-59/25 0-23/9 * 1-12/11 *",
  // Names, both Sundays, ranges that end in one.
  "0 4 * JAN,dec mon-FRI",
  "15 5 * jan-MAR sun",
  "0 6 * * 7",
  "0 6 * * 0,7",
  "0 7 * * 5-7",
  "0 19 * * sat-7",
  "0 20 * * 0-7",
  "0 20 * * mon-sat/2",
  // Lists with repeats, leading zeros, blanks of all sorts.
  "1-5,3,5,4-6 10 * * *",
  "30 22-23,0-2 * * *",
  "00 013 * * 01",
  "  0\t12\t \t*  * *",
  "59 23 31 * *",
  "0 0 30 2,12 *",
  // Macros.
  "@hourly",
  "@daily",
  "@midnight",
  "@weekly",
  "@monthly",
  "@yearly",
  "@annually",
];

describeOnRealCron("a fortnight of the packaged daemon", () => {
  test("starts each expression exactly when we say", async () => {
    const tab = EXPRESSIONS.map((expression, at) => `${expression} /bin/true line-${at}\n`).join("");
    const starts = await runStepped({ from, to, zone: "Etc/UTC", tab });

    const seen = EXPRESSIONS.map((expression, at) => ({
      expression,
      starts: starts.filter(({ command }) => command === `/bin/true line-${at}`).map((start) => start.at),
    }));
    const ours = EXPRESSIONS.map((expression) => ({
      expression,
      starts: [...runTimes(parseCron(expression), { zone: "Etc/UTC", from: from.getTime(), to: to.getTime() })].map(
        (at) => minute(new Date(at)),
      ),
    }));
    expect(ours).toEqual(seen);
    expect(starts.length).toBeGreaterThan(1000);
  });
});
