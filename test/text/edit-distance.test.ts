import fc from "fast-check";
import { expect, test } from "vitest";
import { editDistance } from "../../src/text/suggest.ts";

test.each([
  ["", "", 0],
  ["tap", "tap", 0],
  ["tap", "", 3],
  ["tapp", "tap", 1],
  ["atp", "tap", 1],
  ["crom", "cron", 1],
  ["kitten", "sitting", 3],
  ["timeout", "timezone", 3],
])("the edit distance from %j to %j is %i", (from, to, expected) => {
  expect(editDistance(from, to)).toBe(expected);
});

test("the edit distance is symmetric, zero only for equal words, and at most the length of the longer word", () => {
  const word = fc.stringMatching(/^[abc]{0,8}$/);
  fc.assert(
    fc.property(word, word, (from, to) => {
      const away = editDistance(from, to);
      expect(away).toBe(editDistance(to, from));
      expect(away === 0).toBe(from === to);
      expect(away).toBeLessThanOrEqual(Math.max(from.length, to.length));
    }),
    { seed: 5, numRuns: 500 },
  );
});
