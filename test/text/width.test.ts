import { expect, test } from "vitest";
import { padText, textWidth, truncate } from "../../src/text/width.ts";

test.each([
  ["orders → dwh", 12],
  ["店は閉まらない", 14],
  ["Ａ", 2],
  ["e\u0301te\u0301", 3],
  ["👩‍👩‍👧 family", 9],
  ["한국어", 6],
  ["a\u200bb", 2],
  ["", 0],
])("%j is %i columns wide", (text, width) => {
  expect(textWidth(text)).toBe(width);
});

test.each([
  ["every 5 minutes", 15, "every 5 minutes"],
  ["every 5 minutes", 9, "every 5…"],
  ["店は閉まらない", 6, "店は…"],
  ["店は閉まらない", 5, "店は…"],
  ["abc", 1, "…"],
  ["abc", 0, ""],
])("truncate shortens %j to %i columns as %j", (text, width, fitted) => {
  expect(truncate(text, width)).toBe(fitted);
  expect(textWidth(fitted)).toBeLessThanOrEqual(width);
});

test("padText adds blanks up to the visible width", () => {
  expect(padText("店", 4)).toBe("店  ");
  expect(padText("long", 2)).toBe("long");
});
