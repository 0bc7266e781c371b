import { expect, test } from "vitest";
import { previewRows } from "../../src/preview/rows.ts";
import { renderBlocks, renderLocalAndUtc, renderTable, type TableStyle } from "../../src/preview/table.ts";
import { plannedRuns } from "../../src/preview/upcoming.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { PLAIN } from "../../src/text/colors.ts";
import { pipelineAt } from "./pipelines.ts";

const from = Date.parse("2026-10-25T00:30Z");
const to = Date.parse("2026-10-25T02:00Z");
const now = Date.parse("2026-10-25T00:26Z");
const looking: Omit<TableStyle, "pipelines"> = { machineZone: "Europe/London", now, width: undefined, paint: PLAIN };

function table(pipelines: readonly Pipeline[], look: Partial<TableStyle> = {}): string {
  const whole = { ...looking, ...look, pipelines };
  const window = { machineZone: whole.machineZone, from, to };
  return [...renderTable(previewRows(plannedRuns({ pipelines }, window), window), whole)].join("");
}

const ORDERS = pipelineAt("orders", ["30 * * * *"], { note: "Sync every\n  hour" });

test("the table shows new offsets, clock changes between runs, and notes followed by the times in English", () => {
  const pipelines = [ORDERS, pipelineAt("customers_of_old", ["0 0 * * *"], { command: "sync_tables", id: "weekly" })];
  expect(table(pipelines)).toMatchInlineSnapshot(`
    "LOCAL TIME               UTC           FROM NOW        PIPELINE                                     NOTE
    2026-10-25 01:30 +01:00  00:30Z        in 4 min        orders → dwh                                 Sync every hour (at minute 30 of every hour)
    ── Europe/London: the clocks go back 1 h at 2026-10-25 01:00Z: 02:00 +01:00 becomes 01:00 +00:00
    2026-10-25 01:30 +00:00  01:30Z        in 1 h 4 min    orders → dwh                                 Sync every hour (at minute 30 of every hour)
    "
  `);
});

test("each run shows its zone if there are several zones", () => {
  const pipelines = [
    pipelineAt("a", ["30 * * * *"]),
    pipelineAt("b", ["0 10 * * *"], { timezone: "Asia/Tokyo", note: "Tokyo's morning, at 10:00 every day" }),
  ];
  expect(table(pipelines)).toMatchInlineSnapshot(`
    "LOCAL TIME               ZONE           UTC           FROM NOW        PIPELINE  NOTE
    2026-10-25 01:30 +01:00  Europe/London  00:30Z        in 4 min        a → dwh   at minute 30 of every hour
    ── Europe/London: the clocks go back 1 h at 2026-10-25 01:00Z: 02:00 +01:00 becomes 01:00 +00:00
    2026-10-25 10:00 +09:00  Asia/Tokyo     01:00Z        in 34 min       b → dwh   Tokyo's morning, at 10:00 every day
    2026-10-25 01:30 +00:00  Europe/London  01:30Z        in 1 h 4 min    a → dwh   at minute 30 of every hour
    "
  `);
});

test("one column shows the time if all pipelines are in UTC", () => {
  expect(table([ORDERS], { machineZone: "UTC" })).toMatchInlineSnapshot(`
    "TIME IN UTC        FROM NOW        PIPELINE      NOTE
    2026-10-25 00:30Z  in 4 min        orders → dwh  Sync every hour (at minute 30 of every hour)
    2026-10-25 01:30Z  in 1 h 4 min    orders → dwh  Sync every hour (at minute 30 of every hour)
    "
  `);
});

test("a sentence says that a period has no runs", () => {
  expect(table([pipelineAt("a", ["0 0 1 1 *"])])).toBe("No pipeline runs in this period.\n");
});

test("notes are cut to the width of the terminal, measured in columns", () => {
  const note = "毎日の夜に注文を読む、店が閉まっても";
  const lines = table([pipelineAt("orders", ["30 * * * *"], { note })], { width: 84 })
    .trimEnd()
    .split("\n");
  expect(lines[1]).toBe("2026-10-25 01:30 +01:00  00:30Z        in 4 min        orders → dwh  毎日の夜に注文…");
});

test("a narrow terminal shows no notes and no blanks at line ends", () => {
  expect(table([ORDERS], { width: 70 })).not.toMatch(/NOTE|Sync|…| \n/);
});

test("colours do not change the widths", () => {
  const paint = { strong: (t: string) => `<b>${t}</b>`, faint: (t: string) => `<i>${t}</i>`, warning: PLAIN.warning };
  const plain = table([ORDERS], { width: 90 });
  expect(table([ORDERS], { width: 90, paint }).replace(/<\/?[bi]>/g, "")).toBe(plain);
});

test("a block shows its pipeline once, then the times", () => {
  const pipelines = [ORDERS, pipelineAt("b", ["0 10 * * *", "@yearly"], { timezone: "Asia/Tokyo" })];
  const window = { machineZone: "Europe/London", from, to };
  const blocks = pipelines.map((pipeline) => ({
    pipeline,
    rows: previewRows(plannedRuns({ pipelines: [pipeline] }, window), window),
  }));
  expect([...renderBlocks(blocks, { ...looking, pipelines })].join("")).toMatchInlineSnapshot(`
    "orders → dwh: Sync every hour
    at minute 30 of every hour  (30 * * * *)
      2026-10-25 01:30 +01:00  00:30Z        in 4 min
      ── Europe/London: the clocks go back 1 h at 2026-10-25 01:00Z: 02:00 +01:00 becomes 01:00 +00:00
      2026-10-25 01:30 +00:00  01:30Z        in 1 h 4 min

    b → dwh
    at 10:00 every day; at 00:00 on day 1 of the month in January  (0 10 * * *; @yearly, Asia/Tokyo)
      2026-10-25 10:00 +09:00  01:00Z        in 34 min
    "
  `);
});

test.each([
  ["2026-01-01T00:00Z", "America/St_Johns", "2025-12-31 20:30 -03:30  01-01 00:00Z"],
  ["2026-01-01T00:00Z", "Asia/Kathmandu", "2026-01-01 05:45 +05:45  00:00Z"],
  ["2026-01-01T00:00Z", "UTC", "2026-01-01 00:00Z"],
  ["+010000-01-01T04:59Z", "America/New_York", "9999-12-31 23:59 -05:00  01-01 04:59Z"],
])("renderLocalAndUtc(%s, %s) is %s", (at, zone, both) => {
  expect(renderLocalAndUtc(Date.parse(at), zone)).toBe(both);
});
