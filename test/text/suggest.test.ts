import { expect, test } from "vitest";
import { nearestWord } from "../../src/text/suggest.ts";

const KEYS = ["tap", "target", "cron", "note", "id", "command", "tables", "table", "timezone", "env_file", "queries"];

test.each([
  ["tapp", "tap"],
  ["atp", "tap"],
  ["targt", "target"],
  ["Cron", "cron"],
  ["crons", "cron"],
  ["comand", "command"],
  ["time_zone", "timezone"],
  ["env-file", "env_file"],
  ["table", "table"],
  ["Query", "queries"],
  ["schedule", undefined],
  ["timeout", undefined],
  ["retries", undefined],
  ["", undefined],
  ["x".repeat(100_000), undefined],
])("the key nearest to %s is %s", (word, nearest) => {
  expect(nearestWord(word, KEYS)).toBe(nearest);
});
