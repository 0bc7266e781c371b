import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCron } from "../../../src/cron/expression.ts";
import { runTimes } from "../../../src/cron/run-times.ts";
import { type AirflowTimes, airflowStarts, isSaid, renderCron } from "../../../src/schedulers/airflow/timetable.ts";
import { HORIZON } from "./values.ts";

const startsOf = (zone: string, ...crons: string[]) => airflowStarts({ crons: crons.map(parseCron), zone }, HORIZON);

describe("a pipeline keeps its zone", () => {
  test.each([
    ["Asia/Kolkata", "30 1 * * *", "30 1 * * *"],
    ["Asia/Kolkata", "*/5 * * * 1-5", "*/5 * * * 1-5"],
    ["Europe/London", "*/5 * * * *", "*/5 * * * *"],
    ["Europe/London", "7,37 */1 * * *", "7,37 * * * *"],
    ["Europe/London", "0 */3 * * *", "0 */3 * * *"],
    ["Europe/London", "*/10 8-18 * * mon-fri", "*/10 8-18 * * 1-5"],
    ["Europe/London", "0 2 1 * 1", "0 2 1 * 1"],
    ["Europe/London", "@daily", "0 0 * * *"],
    // Either day field: every day, and no days but Mondays.
    ["Europe/London", "0 4 1-31 * 1", "0 4 * * *"],
    ["Europe/London", "0 4 31 2 1", "0 4 * 2 1"],
    ["America/New_York", "0 0 * * 6,7", "0 0 * * 0,6"],
  ])("%s, %s", (zone, cron, text) => {
    expect(startsOf(zone, cron)).toEqual({ crons: [text], timezone: zone, kind: "exact" });
  });

  test("and is started too often if both day fields must match, which Airflow cannot express", () => {
    const kept = (cron: string) => startsOf("Europe/London", cron);
    expect(kept("0 4 */2 * 1")).toEqual({ crons: ["0 4 * * 1"], timezone: "Europe/London", kind: "surplus" });
    expect(kept("0 4 1-2 * */2")).toEqual({ crons: ["0 4 1,2 * *"], timezone: "Europe/London", kind: "surplus" });
  });

  test("and is started once too often where clocks change by half an hour", () => {
    const zone = "Australia/Lord_Howe";
    expect(startsOf(zone, "*/5 * * * *")).toEqual({ crons: ["*/5 * * * *"], timezone: zone, kind: "surplus" });
  });
});

describe("candidates in UTC start a pipeline", () => {
  test.each([
    ["what a clock change skips or repeats", "30 1 * * *"],
    ["every hour of some days", "0 * * * 1"],
    ["every hour by numbers, which cron makes up for", "30 0-23 * * *"],
    ["every minute of a repeated hour", "*/15 1 * * *"],
  ])("%s", (_, cron) => {
    expect(startsOf("Europe/London", cron)).toMatchObject({ timezone: "UTC", kind: "candidates" });
  });

  test("at the instants of both offsets, in the months of each, and where a gap lands", () => {
    expect(startsOf("Europe/London", "30 1 * * *").crons).toEqual(["30 0 * 3-10 *", "0 1 * 3 0", "30 1 * 1-3,10-12 *"]);
  });

  test("by one cron that needs them, its others too: a DAG has one zone", () => {
    const { crons, kind } = startsOf("Europe/London", "30 1 * * *", "5 9 * * *");
    expect(kind).toBe("candidates");
    expect(crons).toContain("5 9 * 1-3,10-12 *");
  });
});

describe("a cron for Airflow", () => {
  const list = (low: number, high: number) =>
    fc.oneof(
      fc.constant(Array.from({ length: high - low + 1 }, (_, index) => low + index)),
      fc
        .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1 })
        .map((values) => values.sort((one, other) => one - other)),
    );
  const times: fc.Arbitrary<AirflowTimes> = fc.record({
    minutes: list(0, 59),
    hours: list(0, 23),
    days: list(1, 31),
    months: list(1, 12),
    weekdays: list(0, 6),
    dayRule: fc.constantFrom("and", "or"),
  });
  const span = { zone: "UTC", from: Date.parse("2028-01-01T00:00Z"), to: Date.parse("2029-01-01T00:00Z") };
  const dates = (cron: Parameters<typeof runTimes>[0]) =>
    [...runTimes({ ...cron, minutes: [0], hours: [0] }, span)].map((at) => new Date(at).toISOString());

  test("reads as its times do, and where it cannot, has them all", () => {
    fc.assert(
      fc.property(times, (one) => {
        const own = { text: "", class: "fixed", dayRule: "and", ...one } as const;
        const text = renderCron(one);
        const due = dates(own);
        if (text === undefined) return expect(due).toEqual([]);
        const read = parseCron(text);
        expect([read.minutes, read.hours, read.months]).toEqual([one.minutes, one.hours, one.months]);
        const started = dates(read);
        if (isSaid(one)) expect(started).toEqual(due);
        else expect(started).toEqual(expect.arrayContaining(due));
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
