import { expect, test } from "vitest";
import { renderRelative } from "../../src/text/relative-time.ts";

const now = Date.parse("2026-11-23T12:00:20Z");

test.each([
  ["2026-11-23T12:00:00Z", "now"],
  ["2026-11-23T12:01:00Z", "in 1 min"],
  ["2026-11-23T12:04:00Z", "in 4 min"],
  ["2026-11-23T11:55:00Z", "5 min ago"],
  ["2026-11-23T13:00:00Z", "in 1 h"],
  ["2026-11-23T15:20:00Z", "in 3 h 20 min"],
  ["2026-11-24T11:59:00Z", "in 23 h 59 min"],
  ["2026-11-25T16:00:00Z", "in 2 d 4 h"],
  ["2027-01-02T12:00:00Z", "in 40 d"],
  ["2028-02-29T00:00:00Z", "in 462 d"],
  ["2032-02-29T00:00:00Z", "in 5.3 years"],
  ["9999-12-31T23:59:00Z", "in 7973.1 years"],
])("renderRelative shows %s as %s", (at, words) => {
  expect(renderRelative(Date.parse(at), now)).toBe(words);
});
