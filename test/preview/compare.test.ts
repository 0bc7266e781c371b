import fc from "fast-check";
import { expect, test } from "vitest";
import { DAEMONS } from "../../src/cron/run-times.ts";
import { differences, renderDifferences } from "../../src/preview/compare-daemons.ts";
import { plannedTimes } from "../../src/preview/upcoming.ts";
import { pipelineAt } from "./pipelines.ts";

const autumn = {
  machineZone: "Europe/London",
  from: Date.parse("2026-10-24T12:00Z"),
  to: Date.parse("2026-10-26T12:00Z"),
};
const PIPELINES = [pipelineAt("fixed", ["30 1 * * *"]), pipelineAt("always", ["*/30 * * * *"])];

function told(daemon: (typeof DAEMONS)[number], window = autumn, pipelines = PIPELINES): string {
  const found = differences(pipelines, { ...window, daemon }, "debian");
  return [...renderDifferences(found, { daemon, other: "debian", pipelines, machineZone: "Europe/London" })].join("");
}

test("each start that only one of two daemons makes is listed with its pipeline", () => {
  expect(told("busybox")).toMatchInlineSnapshot(`
    "Here busybox differs from debian:
      fixed → dwh   2026-10-25 01:30 +00:00  01:30Z  only busybox starts it
    "
  `);
  expect(told("systemd")).toMatchInlineSnapshot(`
    "Here systemd differs from debian:
      always → dwh  2026-10-25 01:00 +00:00  01:00Z  only debian starts it
      always → dwh  2026-10-25 01:30 +00:00  01:30Z  only debian starts it
    "
  `);
});

test("the output says so if the daemons do not differ", () => {
  expect(told("cronie")).toBe("In this period cronie starts every pipeline at the same times as debian.\n");
  const winter = { ...autumn, from: Date.parse("2026-12-01T00:00Z"), to: Date.parse("2026-12-02T00:00Z") };
  expect(told("systemd", winter)).toBe("In this period systemd starts every pipeline at the same times as debian.\n");
});

test("a long list is cut, and the rest is counted", () => {
  const many = Array.from({ length: 60 }, (_, index) => pipelineAt(`tap_${index}`, ["*/30 * * * *"]));
  const lines = told("systemd", autumn, many).trimEnd().split("\n");
  expect(lines).toHaveLength(102);
  expect(lines.at(-1)).toBe("  … and 20 more");
});

test("with a count, each pipeline is compared up to the last run that is shown", () => {
  const window = { ...autumn, to: undefined, from: Date.parse("2026-10-24T23:30Z") };
  const count = (some: number) => [...differences(PIPELINES, { ...window, count: some, daemon: "systemd" }, "debian")];
  expect(count(3)).toHaveLength(0);
  // The fourth run shown is the first after the hour in which systemd starts nothing.
  expect(count(4)).toHaveLength(2);
});

test("one daemon's starts and the differences give the other daemon's starts", () => {
  const crons = fc.constantFrom(
    "*/5 * * * *",
    "30 1 * * *",
    "15,45 1-3 * * *",
    "0 */2 * * *",
    "@daily",
    "*/20 2 * * *",
  );
  const zones = fc.constantFrom("Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC");
  const starts = fc.integer({ min: Date.parse("2026-01-01Z"), max: Date.parse("2027-01-01Z") });
  fc.assert(
    fc.property(crons, zones, starts, fc.constantFrom(...DAEMONS), (cron, machineZone, from, daemon) => {
      const window = { machineZone, from, to: from + 60 * 86_400_000, daemon };
      const pipeline = pipelineAt("a", [cron]);
      const found = [...differences([pipeline], window, "debian")];
      const missing = new Set(found.filter(({ only }) => only === daemon).map(({ at }) => at));
      const surplus = found.filter(({ only }) => only === "debian").map(({ at }) => at);
      const rebuilt = [...plannedTimes(pipeline, window)].filter((at) => !missing.has(at)).concat(surplus);
      const debian = [...plannedTimes(pipeline, { ...window, daemon: undefined })];
      expect(rebuilt.sort((a, b) => a - b)).toEqual(debian);
    }),
    { seed: 11, numRuns: 150 },
  );
});
