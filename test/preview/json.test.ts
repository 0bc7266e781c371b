import { expect, test } from "vitest";
import { renderJson } from "../../src/preview/json.ts";
import { plannedRuns } from "../../src/preview/upcoming.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { pipelineAt } from "./pipelines.ts";

const window = {
  machineZone: "Europe/London",
  from: Date.parse("2026-10-25T00:30Z"),
  to: Date.parse("2026-10-25T02:00Z"),
};

const json = (pipelines: readonly Pipeline[]): string => [...renderJson(plannedRuns({ pipelines }, window))].join("");

test("a run in JSON has tap, target and instant, and its command and id unless they are the default", () => {
  const pipelines = [
    pipelineAt("a", ["30 1 * * *"]),
    pipelineAt('"b"', ["45 1 * * *"], { command: "sync_tables", id: "weekly" }),
  ];
  expect(JSON.parse(json(pipelines))).toEqual({
    runs: [
      { tap: "a", target: "dwh", at: "2026-10-25T00:30:00.000Z" },
      { tap: '"b"', target: "dwh", at: "2026-10-25T00:45:00.000Z", command: "sync_tables", id: "weekly" },
    ],
  });
});

test("the JSON of no runs is an empty list", () => {
  expect(JSON.parse(json([]))).toEqual({ runs: [] });
});
