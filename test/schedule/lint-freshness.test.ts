import { expect, test } from "vitest";
import { lintFreshness } from "../../src/schedule/lint-freshness.ts";
import { parseSchedule } from "../../src/schedule/parse.ts";

const NOW = new Date("2026-11-23T12:00Z");

function lint(cron: string, freshWithin: string, typicalMs?: number): readonly string[] {
  const text = `pipelines: [{tap: orders, target: dwh, cron: ${cron}, fresh_within: ${freshWithin}}]\n`;
  const { schedule } = parseSchedule(text, { file: "schedule.yml", path: "/schedule.yml", bytes: Buffer.from(text) });
  const typical = new Map(typicalMs === undefined ? [] : [["dwh/orders/run_tap", typicalMs]]);
  return lintFreshness(schedule?.pipelines ?? [], { machineZone: "UTC", now: NOW }, typical).map(
    ({ message }) => message,
  );
}

test.each([
  ["'0 * * * *'", "1h", undefined],
  ["'0 * * * *'", "70m", 600_000],
  ["'0 6 * * 1-5'", "3d", undefined],
])("%s with fresh_within %s and a typical run of %s ms has no warning", (cron, within, typical) => {
  expect(lint(cron, within, typical)).toEqual([]);
});

test.each([
  [
    "'0 * * * *'",
    "59m",
    undefined,
    "fresh_within is 59 min, but up to 1 h pass between two runs (2026-11-23 12:00Z to 2026-11-23 13:00Z)",
  ],
  [
    "'0 * * * *'",
    "69m",
    600_000,
    "fresh_within is 1 h 9 min, but up to 1 h pass between two runs (2026-11-23 12:00Z to 2026-11-23 13:00Z), and a typical run takes 10 min",
  ],
  [
    "'0 6 * * 1-5'",
    "25h",
    undefined,
    "fresh_within is 1 d 1 h, but up to 3 d pass between two runs (2026-11-27 06:00Z to 2026-11-30 06:00Z)",
  ],
])("%s with fresh_within %s and a typical run of %s ms has a warning", (cron, within, typical, message) => {
  expect(lint(cron, within, typical)).toEqual([`the pipeline would be late although each run succeeds: ${message}`]);
});
