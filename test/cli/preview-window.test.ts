import { describe, expect, test } from "vitest";
import { readWindow, type WindowFlags } from "../../src/cli/preview/window.ts";
import { UsageError } from "../../src/errors.ts";

const now = new Date("2026-11-23T12:00:00Z");
const instant = (text: string): number => Date.parse(text);

test.each<[string, WindowFlags, object]>([
  ["without options it is the next ten runs in total", {}, { from: now.getTime(), total: 10 }],
  ["a count applies to each pipeline", { count: "3" }, { from: now.getTime(), count: 3 }],
  [
    "it begins now if only the end is given",
    { to: "2026-11-24T00:00Z" },
    { from: now.getTime(), to: instant("2026-11-24T00:00Z") },
  ],
  ["an offset is used", { from: "2026-10-25T01:30+01:00" }, { from: instant("2026-10-25T00:30Z"), total: 10 }],
  [
    "an instant without an offset is in UTC",
    { from: "2026-10-25T01:30" },
    { from: instant("2026-10-25T01:30Z"), total: 10 },
  ],
  ["a date means midnight", { from: "2026-10-25" }, { from: instant("2026-10-25T00:00Z"), total: 10 }],
  [
    "seconds are used",
    { from: "2026-10-25T00:00:30.5Z", count: "1" },
    { from: instant("2026-10-25T00:00:30.500Z"), count: 1 },
  ],
  [
    "a period and a count can be combined",
    { from: "1970-01-01", to: "9999-12-31", count: "1" },
    { from: 0, to: instant("9999-12-31T00:00Z"), count: 1 },
  ],
  [
    "a day is a local day",
    { day: "2026-10-25" },
    { from: instant("2026-10-24T23:00Z"), to: instant("2026-10-26T00:00Z") },
  ],
])("the window of a preview: %s", (_, flags, window) => {
  expect(readWindow(flags, { now, zone: "Europe/London" })).toEqual(window);
});

describe("the error for an invalid window names the option and its value", () => {
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
    expect(() => readWindow(flags, { now, zone: "UTC" })).toThrow(UsageError);
    expect(() => readWindow(flags, { now, zone: "UTC" })).toThrow(message);
  });
});
