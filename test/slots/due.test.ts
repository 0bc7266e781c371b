import { expect, test } from "vitest";
import { parseCron } from "../../src/cron/expression.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { countMissed, findDue } from "../../src/slots/due.ts";

const at = (text: string): number => Date.parse(`${text}Z`);
const CASES: readonly (readonly [string, string, string, string | undefined, string | undefined, string])[] = [
  // what, cron, now, since, handled, answer
  ["at its minute", "30 9 * * *", "2026-11-23T09:30:00", "2026-11-01T00:00", undefined, "due 2026-11-23T09:30"],
  ["five minutes late", "30 9 * * *", "2026-11-23T09:35:59", "2026-11-01T00:00", undefined, "due 2026-11-23T09:30"],
  ["an hour late", "30 9 * * *", "2026-11-23T10:30:00", "2026-11-01T00:00", undefined, "due 2026-11-23T09:30"],
  ["later still", "30 9 * * *", "2026-11-23T10:30:01", "2026-11-01T00:00", undefined, "too-late 2026-11-23T09:30"],
  ["a minute early", "30 9 * * *", "2026-11-23T09:29:59", "2026-11-22T12:00", undefined, "none"],
  ["a second time", "30 9 * * *", "2026-11-23T09:31:00", undefined, "2026-11-23T09:30", "done 2026-11-23T09:30"],
  ["after it was handled", "30 9 * * *", "2026-11-23T23:30:00", undefined, "2026-11-23T09:30", "none"],
  ["of several missed", "0 * * * *", "2026-11-23T09:10:00", undefined, "2026-11-23T05:00", "due 2026-11-23T09:00"],
  ["of days missed", "0 3 * * *", "2026-11-23T09:10:00", undefined, "2026-11-20T03:00", "too-late 2026-11-23T03:00"],
  [
    "just installed",
    "30 9 * * *",
    "2026-11-23T09:32:00",
    "2026-11-23T09:31:00.001",
    undefined,
    "before-install 2026-11-23T09:30",
  ],
  ["in its own", "30 9 * * *", "2026-11-23T09:30:01", "2026-11-23T09:30:00.400", undefined, "due 2026-11-23T09:30"],
  ["of nobody knows since when", "30 9 * * *", "2026-11-23T23:30:00", undefined, undefined, "none"],
  [
    "rare, once missed",
    "0 0 29 2 *",
    "2026-11-23T00:00:00",
    "2020-01-01T00:00",
    undefined,
    "too-late 2024-02-29T00:00",
  ],
];

test.each(CASES)("a start %s", (_, cron, now, since, handled, answer) => {
  const due = findDue({
    crons: [parseCron(cron)],
    clock: zoneClock("UTC"),
    since: since === undefined ? undefined : at(since),
    handled: handled === undefined ? undefined : at(handled),
    now: at(now),
  });
  const slot = due.kind === "none" ? "" : ` ${new Date(due.slot).toISOString().slice(0, 16)}`;
  expect(due.kind + slot).toBe(answer);
});

test.each<[title: string, cron: string, now: string, handled: string, catchUpHours: number, due: string]>([
  ["within catch_up", "0 3 * * *", "2026-11-23T15:00", "2026-11-22T03:00", 12, "due 2026-11-23T03:00"],
  ["older than catch_up", "0 3 * * *", "2026-11-23T15:00:01", "2026-11-22T03:00", 12, "too-late 2026-11-23T03:00"],
  ["the newest of several", "0 * * * *", "2026-11-23T09:50", "2026-11-23T05:00", 12, "due 2026-11-23T09:00"],
  ["an hour old in any case", "0 3 * * *", "2026-11-23T04:00", "2026-11-22T03:00", 0.5, "due 2026-11-23T03:00"],
  ["handled", "0 3 * * *", "2026-11-23T09:00", "2026-11-23T03:00", 12, "done 2026-11-23T03:00"],
  ["from before the install", "0 3 * * *", "2026-11-20T15:00", "", 48, "before-install 2026-11-20T03:00"],
  ["a month old", "0 3 1 * *", "2026-12-01T02:59", "2026-10-01T03:00", 24 * 31, "due 2026-11-01T03:00"],
])("with catch_up, a missed slot %s", (_, cron, now, handled, catchUpHours, answer) => {
  const due = findDue({
    crons: [parseCron(cron)],
    clock: zoneClock("UTC"),
    since: at(handled === "" ? "2026-11-20T10:00" : "2026-01-01T00:00"),
    handled: handled === "" ? undefined : at(handled),
    now: at(now),
    catchUpMs: catchUpHours * 3_600_000,
  });
  const slot = due.kind === "none" ? "" : ` ${new Date(due.slot).toISOString().slice(0, 16)}`;
  expect(due.kind + slot).toBe(answer);
});

test("earlier due times count as missed since the last handled slot, or since the install", () => {
  const start = { crons: [parseCron("0 * * * *")], clock: zoneClock("UTC"), now: at("2026-11-23T09:10") };
  const slot = at("2026-11-23T09:00");
  const since = at("2026-11-23T07:30");
  expect(countMissed({ ...start, since: undefined, handled: at("2026-11-23T03:00") }, slot)).toBe(5);
  expect(countMissed({ ...start, since, handled: undefined }, slot)).toBe(1);
  expect(countMissed({ ...start, since: undefined, handled: undefined }, slot)).toBe(0);
});

test("several cron expressions are one set of due times", () => {
  const crons = ["0 9 * * *", "5 9 * * *"].map(parseCron);
  const tick = { crons, clock: zoneClock("UTC"), since: undefined, handled: undefined };
  expect(findDue({ ...tick, now: at("2026-11-23T09:04") })).toMatchObject({ slot: at("2026-11-23T09:00") });
  expect(findDue({ ...tick, now: at("2026-11-23T09:06") })).toMatchObject({ slot: at("2026-11-23T09:05") });
});

test("a repeated hour has its slots twice for a wildcard expression and once for a fixed one", () => {
  const clock = zoneClock("Europe/London");
  const second = { clock, since: undefined, now: at("2026-10-25T01:30"), handled: at("2026-10-25T00:30") };
  expect(findDue({ ...second, crons: [parseCron("30 * * * *")] })).toEqual({ kind: "due", slot: second.now });
  expect(findDue({ ...second, crons: [parseCron("30 1 * * *")] })).toEqual({ kind: "done", slot: second.handled });
});
