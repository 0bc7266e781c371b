import { describe, expect, test } from "vitest";
import { readWindow, type WindowFlags } from "../../src/cli/preview/window.ts";
import { UsageError } from "../../src/errors.ts";

const now = new Date("2026-11-23T12:00:00Z");
const instant = (text: string): number => Date.parse(text);

test.each<[string, WindowFlags, object]>([
  ["nothing is the next ten in all", {}, { from: now.getTime(), total: 10 }],
  ["a count is of each pipeline", { count: "3" }, { from: now.getTime(), count: 3 }],
  ["an end alone begins now", { to: "2026-11-24T00:00Z" }, { from: now.getTime(), to: instant("2026-11-24T00:00Z") }],
  ["an offset is minded", { from: "2026-10-25T01:30+01:00" }, { from: instant("2026-10-25T00:30Z"), total: 10 }],
  ["without an offset it is UTC", { from: "2026-10-25T01:30" }, { from: instant("2026-10-25T01:30Z"), total: 10 }],
  ["a date is its midnight", { from: "2026-10-25" }, { from: instant("2026-10-25T00:00Z"), total: 10 }],
  [
    "seconds are minded",
    { from: "2026-10-25T00:00:30.5Z", count: "1" },
    { from: instant("2026-10-25T00:00:30.500Z"), count: 1 },
  ],
  [
    "bounds and a count go together",
    { from: "1970-01-01", to: "9999-12-31", count: "1" },
    { from: 0, to: instant("9999-12-31T00:00Z"), count: 1 },
  ],
  ["a day is local", { day: "2026-10-25" }, { from: instant("2026-10-24T23:00Z"), to: instant("2026-10-26T00:00Z") }],
])("%s", (_, flags, window) => {
  expect(readWindow(flags, now, "Europe/London")).toEqual(window);
});

describe("refused, naming the flag and the value", () => {
  test.each<[WindowFlags, string]>([
    [{ from: "tomorrow" }, '--from "tomorrow" is not a valid date or time'],
    [{ from: "2026-01-01T25:00Z" }, '--from "2026-01-01T25:00Z" is not a valid date or time'],
    [{ from: "2026-01-01T00:00+99:00" }, '--from "2026-01-01T00:00+99:00" is not a valid date or time'],
    [{ from: "2026-02-30" }, "--from: 2026-02-30 does not exist in the calendar"],
    [{ from: "1969-12-31" }, "--from: 1969-12-31 is before 1970"],
    [{ to: "2026-13-01" }, "--to: 2026-13-01 does not exist in the calendar"],
    [{ to: "2020-01-01" }, "--to 2020-01-01 is not after now, 2026-11-23T12:00:00.000Z"],
    [{ from: "2026-01-02", to: "2026-01-01" }, "--to 2026-01-01 is not after --from 2026-01-02"],
    [{ from: "2026-01-02", to: "2026-01-02" }, "--to 2026-01-02 is not after --from 2026-01-02"],
    [{ count: "0" }, '--count "0" is not a number from 1 to 1000000'],
    [{ count: "-1" }, '--count "-1" is not a number from 1 to 1000000'],
    [{ count: "1e3" }, '--count "1e3" is not a number from 1 to 1000000'],
    [{ day: "25.10.2026" }, '--day "25.10.2026" is not a valid date or time'],
    [{ day: "2026-02-29" }, "--day: 2026-02-29 does not exist in the calendar"],
    [{ day: "2026-10-25", count: "1" }, "--day cannot be combined with --from, --to or --count"],
  ])("%j", (flags, message) => {
    expect(() => readWindow(flags, now, "UTC")).toThrow(UsageError);
    expect(() => readWindow(flags, now, "UTC")).toThrow(message);
  });
});
