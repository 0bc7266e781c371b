import { describe, expect, test } from "vitest";
import { canonicalLines } from "../../src/cron/canonical.ts";
import { parseCron } from "../../src/cron/expression.ts";
import { startTimes } from "../../src/cron/run-times.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { candidateTimes, mayFireEarly } from "../../src/schedulers/cron/render.ts";
import { type Block, daysOfInterest, dueInstants, liveThrough, MINUTE } from "./daemon-days.ts";

/** Twenty schedules of every kind: both classes, both day rules, hours in and around the clock changes, several times. */
const SCHEDULES: readonly (readonly string[])[] = [
  ["*/5 * * * *"],
  ["* 1-2 * * *"],
  ["0 * * * *"],
  ["0 */3 * * *"],
  ["0 0 * * *"],
  ["0 0 * * 6"],
  ["30 9 * * 1-5"],
  ["30 1 * * *"],
  ["15,45 1-2 * * *"],
  ["*/15 1 * * *"],
  ["30 2 * * 0"],
  ["0 2 * * *"],
  ["45 23 * * *"],
  ["59 23 28-31 * *"],
  ["10-20 1,2,3 * * *"],
  ["0 12 1 * 1"],
  ["20 4 */2 * 0"],
  ["*/7 0-3 * 3,4,9-11 *"],
  ["*/5 8-18 * * 1-5", "0 * * * *"],
  ["0 3 * * 1-5", "30 1 * * 0,6", "30 1 25 10 *"],
];

const MACHINES = [
  "UTC",
  "Europe/London",
  "America/New_York",
  "Australia/Lord_Howe",
  "Asia/Kolkata",
  "Africa/Casablanca",
];
const ZONES = [
  "Europe/London",
  "America/New_York",
  "Australia/Lord_Howe",
  "UTC",
  "Asia/Kathmandu",
  "Pacific/Chatham",
  "America/St_Johns",
  "Antarctica/Troll",
  "Africa/Casablanca",
];
const all = MACHINES.flatMap((machineZone) =>
  ZONES.filter((zone) => zone !== machineZone).map((zone) => ({ machineZone, zone })),
);
/** PIPELINEWISE_SCHED_FULL_SWEEP=1 takes every pair and every day: half an hour. */
const FULL = process.env["PIPELINEWISE_SCHED_FULL_SWEEP"] === "1";
const pairs = FULL ? all : all.filter((_, index) => index % 6 === 1);

const YEARS = { from: Date.parse("2026-01-01T00:00Z"), to: Date.parse("2028-01-01T00:00Z") };
const onTime = () => 0;
/** As a busy daemon is: each minute by another, up to five minutes late, the same at each run of the test. */
const late = (at: number): number => (((at / MINUTE) * 7919) % 6) * MINUTE;

function expectEverySlotOnce(block: Block) {
  const daysOf = FULL ? [YEARS] : daysOfInterest([block.zone, block.machineZone], YEARS);
  let compared = 0;
  for (const days of daysOf) {
    const due = dueInstants(block, days);
    expect(liveThrough(block, days, onTime).slots).toEqual(due);
    // A late start takes the newest slot; what it leaves out was followed so closely that nobody could have run it.
    const { slots } = liveThrough(block, days, late);
    const taken = new Set(slots);
    expect(slots).toEqual([...taken].sort((one, other) => one - other));
    const lost = due.filter((at) => !taken.has(at));
    expect(lost.filter((at) => !slots.some((slot) => slot > at && slot <= at + 5 * MINUTE))).toEqual([]);
    compared += due.length;
  }
  return compared;
}

describe("every due instant has exactly one accepted start", () => {
  test.each(pairs)("candidate lines on a machine in $machineZone for $zone", ({ machineZone, zone }) => {
    let compared = 0;
    for (const texts of SCHEDULES) {
      const crons = texts.map(parseCron);
      const zones = { own: zoneClock(zone), machine: zoneClock(machineZone) };
      const lines = candidateTimes(crons, zones, YEARS).map(parseCron);
      expect(lines.map((line) => line.class)).toEqual(lines.map(() => "wildcard"));
      compared += expectEverySlotOnce({ crons, zone, lines, machineZone });
    }
    expect(compared).toBeGreaterThan(2_000);
  });

  test.each(MACHINES)("canonical lines in the machine's own zone, %s", (zone) => {
    for (const texts of SCHEDULES) {
      const crons = texts.map(parseCron);
      const lines = crons.flatMap(canonicalLines).map(parseCron);
      expectEverySlotOnce({ crons, zone, lines, machineZone: zone });
    }
  });
});

/** The same pipeline, timed by these crons in the machine's zone. */
const pipeline = (texts: readonly string[]): Pipeline => ({
  tap: "a",
  target: "b",
  command: "run_tap",
  crons: texts.map(parseCron),
  args: [],
  position: { line: 1, column: 1 },
});

test("candidate lines are distinguished from lines that start an entry only when it is due", () => {
  const frame = { machineZone: "Europe/London", horizon: YEARS };
  const span = { zone: "UTC", ...YEARS };
  for (const texts of [...SCHEDULES, ["5 4 */2 * 1"], ["*/60 3 * * *"], ["0 3 * * 1", "0 4 * * 1"]]) {
    const one = pipeline(texts);
    const due = dueInstants({ crons: one.crons, zone: "UTC", lines: [], machineZone: "UTC" }, YEARS);
    const starts = one.crons.flatMap(canonicalLines).flatMap((line) => [...startTimes(parseCron(line), span)]);
    const exact = starts.length === due.length && starts.sort((a, b) => a - b).every((at, index) => at === due[index]);
    // Lines that share a minute of the day on different days count as candidate lines. That only makes a skip quieter.
    if (!mayFireEarly(one, frame)) expect({ texts, exact }).toEqual({ texts, exact: true });
    else expect({ texts, exact: exact && texts.length === 1 }).toEqual({ texts, exact: false });
  }
  expect(mayFireEarly({ ...pipeline(["0 3 * * *"]), timezone: "Asia/Tokyo" }, frame)).toBe(true);
});
