import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCron } from "../../src/cron/expression.ts";
import { DAEMONS, type Daemon, daemonRunTimes, runTimes } from "../../src/cron/run-times.ts";
import { wallMinutes } from "./daemon.ts";

const HOUR = 3_600_000;

/** Starts between two instants, as UTC `HH:MM`. */
function starts(daemon: Daemon, text: string, zone: string, from: string, hours: number): string {
  const span = { zone, from: Date.parse(from), to: Date.parse(from) + hours * HOUR };
  return [...daemonRunTimes(daemon, parseCron(text), span)]
    .map((at) => new Date(at).toISOString().slice(11, 16))
    .join(" ");
}

/** Both clock changes of London: four hours each, with the change after the first hour. */
const SPRING = "2026-03-29T00:00Z";
const AUTUMN = "2026-10-25T00:00Z";

describe("clock changes of Europe/London", () => {
  test.each<[Daemon, string, string, string]>([
    ["debian", "30 1 * * *", SPRING, "01:00"],
    ["cronie", "30 1 * * *", SPRING, "01:00"],
    ["busybox", "30 1 * * *", SPRING, ""],
    ["systemd", "30 1 * * *", SPRING, ""],
    ["debian", "30 1 * * *", AUTUMN, "00:30"],
    ["cronie", "30 1 * * *", AUTUMN, "00:30"],
    ["busybox", "30 1 * * *", AUTUMN, "00:30 01:30"],
    ["systemd", "30 1 * * *", AUTUMN, "00:30"],
    ["debian", "*/30 * * * *", AUTUMN, "00:00 00:30 01:00 01:30 02:00 02:30 03:00 03:30"],
    ["busybox", "*/30 * * * *", AUTUMN, "00:00 00:30 01:00 01:30 02:00 02:30 03:00 03:30"],
    ["systemd", "*/30 * * * *", AUTUMN, "00:00 00:30 02:00 02:30 03:00 03:30"],
    ["busybox", "0 2 * * *", SPRING, "01:00"],
    ["systemd", "0 2 * * *", AUTUMN, "02:00"],
  ])("%s starts %s from %s at %j", (daemon, text, from, at) => {
    expect(starts(daemon, text, "Europe/London", from, 4)).toBe(at);
  });
});

const CHANGES = [
  ["Europe/London", "2026-03-29"],
  ["Europe/London", "2026-10-25"],
  ["America/New_York", "2026-11-01"],
  ["Australia/Lord_Howe", "2026-04-05"],
  ["Australia/Lord_Howe", "2026-10-04"],
  ["Antarctica/Troll", "2026-10-25"],
  ["Pacific/Apia", "2011-12-30"],
] as const;

const crons = fc
  .tuple(
    fc.oneof(fc.constantFrom("*", "*/15", "*/7"), fc.integer({ min: 0, max: 59 }).map(String)),
    fc.oneof(fc.constantFrom("*", "*/2", "0-4"), fc.integer({ min: 0, max: 3 }).map(String)),
  )
  .map(([minute, hour]) => parseCron(`${minute} ${hour} * * *`));

describe.each(CHANGES)("around %s %s", (zone, date) => {
  const [from, to] = [Date.parse(date) - 24 * HOUR, Date.parse(date) + 36 * HOUR];
  const walls = wallMinutes(zone, from, to);
  const matching = (cron: ReturnType<typeof parseCron>, wall: number): boolean =>
    cron.minutes.includes(wall % 60) && cron.hours.includes(Math.floor(wall / 60) % 24);

  test("busybox follows the local time of each minute", () => {
    fc.assert(
      fc.property(crons, (cron) => {
        const expected = [...walls].filter(([, wall]) => matching(cron, wall)).map(([at]) => at);
        expect([...daemonRunTimes("busybox", cron, { zone, from, to })]).toEqual(expected);
      }),
      { seed: 61, numRuns: 60 },
    );
  });

  test("systemd starts only at local times later than every local time before", () => {
    fc.assert(
      fc.property(crons, (cron) => {
        let latest = Number.NEGATIVE_INFINITY;
        const expected = [...walls].filter(([, wall]) => {
          const isNew = wall > latest;
          latest = Math.max(latest, wall);
          return isNew && matching(cron, wall);
        });
        expect([...daemonRunTimes("systemd", cron, { zone, from, to })]).toEqual(expected.map(([at]) => at));
      }),
      { seed: 62, numRuns: 60 },
    );
  });

  test("Debian's cron and cronie start exactly when a line is due", () => {
    fc.assert(
      fc.property(crons, (cron) => {
        const due = [...runTimes(cron, { zone, from, to })];
        for (const daemon of ["debian", "cronie"] as const) {
          expect([...daemonRunTimes(daemon, cron, { zone, from, to })]).toEqual(due);
        }
      }),
      { seed: 63, numRuns: 20 },
    );
  });
});

test("all daemons agree in a zone without clock changes", () => {
  const span = { zone: "UTC", from: Date.parse("2026-10-20"), to: Date.parse("2026-11-20") };
  const cron = parseCron("*/20 1-3 */2 * 0,6");
  expect(new Set(DAEMONS.map((daemon) => [...daemonRunTimes(daemon, cron, span)].join())).size).toBe(1);
});
