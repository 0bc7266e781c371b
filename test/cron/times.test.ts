import { describe, expect, test } from "vitest";
import { parseCron } from "../../src/cron/expression.ts";
import { parseTimes, renderTimes } from "../../src/cron/times.ts";

describe("times as a line for a program", () => {
  test.each([
    ["*/5 * * * *", "0,5,10,15,20,25,30,35,40,45,50,55 * * * * and wildcard"],
    ["0 0 * * 6", "0 0 * * 6 and fixed"],
    ["30 9 1,15 jan-mar mon", "30 9 1,15 1,2,3 1 or fixed"],
    ["@hourly", "0 * * * * and wildcard"],
  ])("%s is %s, and comes back whole", (text, line) => {
    const { text: _words, ...times } = parseCron(text);
    expect(renderTimes(times)).toBe(line);
    expect(parseTimes(line)).toEqual(times);
  });

  test.each([
    "",
    "0 0 * * 6",
    "0 0 * * 6 and",
    "0 0 * * 7 and fixed",
    "60 0 * * 6 and fixed",
    "0 0 0 * 6 and fixed",
    "0 0 , * 6 and fixed",
    "0 0 1-2 * 6 and fixed",
    "0 0 * * 6 xor fixed",
    "0 0 * * 6 and fixed x",
  ])("%j is none", (line) => {
    expect(parseTimes(line)).toBeUndefined();
  });
});
