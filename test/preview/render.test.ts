import { expect, test } from "vitest";
import { renderJson, renderLocal, renderTable } from "../../src/preview/render.ts";
import { plannedRuns } from "../../src/preview/upcoming.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { pipelineAt } from "./pipelines.ts";

const from = Date.parse("2026-10-25T00:30Z");
const to = Date.parse("2026-10-25T02:00Z");
const machineZone = "Europe/London";

function table(pipelines: readonly Pipeline[]): string {
  const runs = plannedRuns({ pipelines }, { machineZone, from, to });
  return [...renderTable(runs, { pipelines, machineZone })].join("");
}

test("a table shows the local time with its offset, which changes with the clocks", () => {
  const pipelines = [
    pipelineAt("orders", ["30 * * * *"], { note: "Sync every\n  hour" }),
    pipelineAt("customers_of_old", ["0 0 * * *"], { command: "sync_tables", id: "weekly" }),
  ];
  expect(table(pipelines)).toMatchInlineSnapshot(`
    "LOCAL TIME               UTC                PIPELINE                                     NOTE
    2026-10-25 01:30 +01:00  2026-10-25 00:30Z  orders → dwh                                 Sync every hour
    2026-10-25 01:30 +00:00  2026-10-25 01:30Z  orders → dwh                                 Sync every hour
    "
  `);
});

test("with several zones each run says which", () => {
  const pipelines = [
    pipelineAt("a", ["30 * * * *"]),
    pipelineAt("b", ["0 10 * * *"], { timezone: "Asia/Tokyo", note: "Tokyo's morning" }),
  ];
  expect(table(pipelines)).toMatchInlineSnapshot(`
    "LOCAL TIME               ZONE           UTC                PIPELINE  NOTE
    2026-10-25 01:30 +01:00  Europe/London  2026-10-25 00:30Z  a → dwh   at minute 30 of every hour
    2026-10-25 10:00 +09:00  Asia/Tokyo     2026-10-25 01:00Z  b → dwh   Tokyo's morning
    2026-10-25 01:30 +00:00  Europe/London  2026-10-25 01:30Z  a → dwh   at minute 30 of every hour
    "
  `);
});

test("a time without runs is said in a sentence", () => {
  expect(table([pipelineAt("a", ["0 0 1 1 *"])])).toBe("No pipeline runs in this time.\n");
});

test.each([
  ["2026-01-01T00:00Z", "America/St_Johns", "2025-12-31 20:30 -03:30"],
  ["2026-01-01T00:00Z", "Asia/Kathmandu", "2026-01-01 05:45 +05:45"],
  ["2026-01-01T00:00Z", "UTC", "2026-01-01 00:00 +00:00"],
])("%s in %s is %s", (at, zone, local) => {
  expect(renderLocal(Date.parse(at), zone)).toBe(local);
});

function json(pipelines: readonly Pipeline[]): string {
  return [...renderJson(plannedRuns({ pipelines }, { machineZone, from, to }))].join("");
}

test("JSON names tap, target and instant; command and id only where they are not the default", () => {
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

test("JSON without runs is an empty list", () => {
  expect(JSON.parse(json([]))).toEqual({ runs: [] });
});
