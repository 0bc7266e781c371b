import { expect, test } from "vitest";
import { previewRows } from "../../src/preview/rows.ts";
import { atMost, plannedRuns } from "../../src/preview/upcoming.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { pipelineAt } from "./pipelines.ts";

/** Rows in a short form, such as `run 00:30Z +1h new` and `change 01:00Z +1h +0h`. */
function rows(pipelines: readonly Pipeline[], from: string, count = 4): string[] {
  const window = { machineZone: "Europe/London", from: Date.parse(from) };
  const hours = (offset: number) => `+${offset / 3_600_000}h`;
  return [...previewRows(atMost(count, plannedRuns({ pipelines }, window)), window)].map((row) => {
    const at = new Date(row.at).toISOString().slice(5, 16);
    if (row.kind === "change") return `${row.zone} ${at} ${hours(row.before)} ${hours(row.after)}`;
    return `run ${at} ${hours(row.offset)}${row.offsetIsNew ? " new" : ""}`;
  });
}

test("a clock change is a row between the runs, and the next run shows its offset", () => {
  expect(rows([pipelineAt("a", ["30 * * * *"])], "2026-10-24T23:00Z")).toEqual([
    "run 10-24T23:30 +1h new",
    "run 10-25T00:30 +1h",
    "Europe/London 10-25T01:00 +1h +0h",
    "run 10-25T01:30 +0h new",
    "run 10-25T02:30 +0h",
  ]);
});

test("a clock change in the minute of a run comes before it", () => {
  expect(rows([pipelineAt("a", ["0 * * * *"])], "2026-03-29T00:00Z", 2)).toEqual([
    "run 03-29T00:00 +0h new",
    "Europe/London 03-29T01:00 +0h +1h",
    "run 03-29T01:00 +1h new",
  ]);
});

test("clock changes that cancel each other between two runs are not shown", () => {
  expect(rows([pipelineAt("a", ["0 0 1 1 *"])], "2026-01-01T00:00Z", 3)).toEqual([
    "run 01-01T00:00 +0h new",
    "run 01-01T00:00 +0h",
    "run 01-01T00:00 +0h",
  ]);
});

test("each zone has its own clock changes", () => {
  const pipelines = [pipelineAt("a", ["30 0,2 * * *"]), pipelineAt("b", ["0 10 * * *"], { timezone: "Asia/Tokyo" })];
  expect(rows(pipelines, "2026-10-24T23:00Z", 3)).toEqual([
    "run 10-24T23:30 +1h new",
    "Europe/London 10-25T01:00 +1h +0h",
    "run 10-25T01:00 +9h new",
    "run 10-25T02:30 +0h new",
  ]);
});
