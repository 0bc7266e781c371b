import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalLines } from "../../src/cron/canonical.ts";
import { parseCron } from "../../src/cron/expression.ts";
import { CronFault } from "../../src/cron/fault.ts";
import { otherReadings, readingsOf } from "../../src/cron/readings.ts";
import { describeCron } from "../../src/cron/words.ts";
import { expressions } from "./expressions.ts";

const told = (text: string): readonly string[] =>
  otherReadings(parseCron(text)).map(
    ({ who, cron }) => `${who}: ${cron === undefined ? "not at all" : describeCron(cron)}`,
  );

test.each([
  [
    "0 0 1 * 1",
    [
      "systemd-cron 1.15: at 00:00 on Monday, only when it is also day 1 of the month",
      "systemd-cron 2: at 00:00 on Monday, only when it is also day 1 of the month",
    ],
  ],
  ["0 0 */2 * *", ["busybox crond: at 00:00 on days 2, 4, 6, … 30 of the month"]],
  ["0 0 */2 * 1", ["busybox crond: at 00:00 on days 2, 4, 6, … 30 of the month and also on every Monday"]],
  ["0 0 * * 7", ["busybox crond: at 00:00 every day"]],
  ["0 0 * * 1,5-7", ["busybox crond: at 00:00 every day", "systemd-cron 1.15: at 00:00 on Monday"]],
  ["0 0 * * 5-7", ["busybox crond: at 00:00 every day", "systemd-cron 1.15: at 00:00 every day"]],
  ["0 0 * * 0-7", ["systemd-cron 1.15: at 00:00 on Sunday"]],
  ["0 0 * * sun", ["systemd-cron 2: at 00:00 every day"]],
  ["0 0 1 oct *", ["systemd-cron 1.15: not at all", "systemd-cron 2: not at all"]],
  ["0 0 1 dec *", ["systemd-cron 1.15: at 00:00 on day 1 of the month in November", "systemd-cron 2: not at all"]],
  ["0 0 1 mar *", ["systemd-cron 2: not at all"]],
  ["*/60 * * * *", ["cronie 1.5.5 to 1.5.7: not at all"]],
  ["0 */24 * * *", ["cronie 1.5.5 to 1.5.7: not at all"]],
  [
    "0 0 1 * 0-6",
    [
      "busybox crond: at 00:00 on day 1 of the month",
      "systemd-cron 1.15: at 00:00 on day 1 of the month",
      "systemd-cron 2: at 00:00 on day 1 of the month",
    ],
  ],
  ["@weekly", ["systemd-cron: at 00:00 on Monday"]],
])("as typed, some read otherwise: %s", (text, readings) => {
  expect(told(text)).toEqual(readings);
});

test.each([
  ["*/5 * * * *"],
  ["0 3 * * 1-5"],
  ["0 3 * * mon-fri"],
  ["@daily"],
  ["0 0 1-31 * *"],
  ["0 0 */1 * 1"],
  ["15 2-22/4 1,15 */3 *"],
  ["*/59 */23 * * *"],
])("all read alike: %s", (text) => {
  expect(told(text)).toEqual([]);
});

test.each([["debian"], ["cronie"]] as const)("%s reads as we do", (daemon) => {
  const cron = parseCron("0 0 */2 * sun");
  expect(readingsOf(daemon, cron)[0]?.cron).toBe(cron);
});

describe("what we install", () => {
  test("is read alike by all, whatever was typed", () => {
    fc.assert(
      fc.property(expressions, (text) => {
        for (const line of linesOf(text)) expect([line, told(line)]).toEqual([line, []]);
      }),
      { seed: 51, numRuns: 1000 },
    );
  });
});

/** None for what we refuse. */
function linesOf(text: string): readonly string[] {
  try {
    return canonicalLines(parseCron(text));
  } catch (error) {
    if (error instanceof CronFault) return [];
    throw error;
  }
}
