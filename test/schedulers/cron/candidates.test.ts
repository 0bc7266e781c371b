import { describe, expect, test } from "vitest";
import { parseCron } from "../../../src/cron/expression.ts";
import { zoneClock } from "../../../src/cron/zone-clock.ts";
import { candidateTimes } from "../../../src/schedulers/cron/render.ts";

const YEAR = { from: Date.parse("2026-11-23T12:00Z"), to: Date.parse("2027-12-28T12:00Z") };
const candidates = (machine: string, own: string, ...crons: string[]) =>
  candidateTimes(crons.map(parseCron), { own: zoneClock(own), machine: zoneClock(machine) }, YEAR);

describe("candidate lines", () => {
  test.each([
    ["UTC", "Europe/London", "30 9 * * *", ["30 */23,8,9 * * *"]],
    ["UTC", "Europe/London", "0 0 * * 6", ["0 */23 * * *"]],
    ["Europe/London", "UTC", "0 12 * * *", ["0 */23,12,13 * * *"]],
    ["UTC", "Asia/Kathmandu", "0 3 * * 1-5", ["15 */23,21 * * *"]],
    // The whole hour, and the hours that begin with a star by themselves.
    ["UTC", "Europe/London", "* * * * *", ["* * * * *"]],
    ["UTC", "Europe/London", "0 * * * *", ["0 * * * *"]],
    // Minutes that begin with a star need none in the hours, and start nothing idly at 0 and 23.
    ["UTC", "Europe/London", "*/15 9 * * *", ["*/15 8,9 * * *"]],
    ["UTC", "Asia/Kolkata", "*/15 9 * * *", ["30,45 */23,3 * * *", "0,15 */23,4 * * *"]],
    // 01:30 is made up at 01:00Z when London's clocks leave it out.
    ["UTC", "Europe/London", "30 1 * * *", ["30 */23 * * *", "*/30 1 * * *"]],
    ["UTC", "Europe/London", "*/30 1 * * *", ["*/30 0,1 * * *"]],
    ["Asia/Kolkata", "Australia/Lord_Howe", "15 2 * * *", ["45 */23,20 * * *", "0,15 */23,21 * * *"]],
  ])("on a machine in %s, %s %s", (machine, own, cron, lines) => {
    expect(new Set(candidates(machine, own, cron))).toEqual(new Set(lines));
  });

  test("of several crons are one set of lines", () => {
    expect(candidates("UTC", "Asia/Tokyo", "0 9 * * 1-5", "0 12 * * 6", "30 12 * * 6")).toEqual([
      "0 */23 * * *",
      "*/30 3 * * *",
    ]);
  });
});
