import fc from "fast-check";
import { expect, test } from "vitest";
import { runTimes } from "../../src/cron/run-times.ts";
import { atMost, plannedRuns, type Window } from "../../src/preview/upcoming.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { pipelineAt } from "./pipelines.ts";

const from = Date.parse("2026-03-28T23:30Z");
const to = Date.parse("2026-03-29T02:30Z");

function planned(pipelines: readonly Pipeline[], window: Partial<Window>): string[] {
  const runs = plannedRuns({ pipelines }, { machineZone: "UTC", from, ...window });
  return [...atMost(20, runs)].map(({ pipeline, at }) => `${new Date(at).toISOString().slice(5, 16)} ${pipeline.tap}`);
}

test("runs are sorted by time, and within one minute by the order of the file", () => {
  expect(planned([pipelineAt("b", ["0 * * * *"]), pipelineAt("a", ["*/30 0 * * *"])], { to })).toEqual([
    "03-29T00:00 b",
    "03-29T00:00 a",
    "03-29T00:30 a",
    "03-29T01:00 b",
    "03-29T02:00 b",
  ]);
});

test("two cron expressions of a pipeline that fire in the same minute give one run", () => {
  expect(planned([pipelineAt("a", ["0 * * * *", "*/60 0,1 * * *", "30 1 * * *"])], { to })).toEqual([
    "03-29T00:00 a",
    "03-29T01:00 a",
    "03-29T01:30 a",
    "03-29T02:00 a",
  ]);
});

test("a pipeline follows its own zone, or the machine's if it has none", () => {
  const pipelines = [
    pipelineAt("machine", ["30 1 29 3 *"]),
    pipelineAt("tokyo", ["30 9 29 3 *"], { timezone: "Asia/Tokyo" }),
  ];
  expect(planned(pipelines, { to, machineZone: "Europe/London" })).toEqual([
    "03-29T00:30 tokyo",
    "03-29T01:00 machine",
  ]);
});

test("a count applies to each pipeline", () => {
  expect(planned([pipelineAt("a", ["0 * * * *"]), pipelineAt("b", ["0 0 1 1 *"])], { count: 2 })).toEqual([
    "03-29T00:00 a",
    "03-29T01:00 a",
    "01-01T00:00 b",
    "01-01T00:00 b",
  ]);
});

test("without an end, the runs continue until the consumer stops", () => {
  expect(planned([pipelineAt("a", ["0 0 29 2 *"])], {})).toHaveLength(20);
});

test("the runs of many pipelines are the runs of each of them", () => {
  const crons = fc.constantFrom("*/5 * * * *", "0 * * * *", "30 1 * * *", "15,45 1 * * *", "0 2 * * 0", "@daily");
  const pipelines = fc.array(fc.uniqueArray(crons, { minLength: 1, maxLength: 3 }), { maxLength: 8 });
  const zones = fc.constantFrom("Europe/London", "America/New_York", "UTC");
  fc.assert(
    fc.property(pipelines, zones, (lists, zone) => {
      const all = lists.map((list, index) => pipelineAt(`tap_${index}`, list));
      const runs = [...plannedRuns({ pipelines: all }, { machineZone: zone, from, to })];
      for (const pipeline of all) {
        const own = new Set(pipeline.crons.flatMap((cron) => [...runTimes(cron, { zone, from, to })]));
        const expected = [...own].sort((a, b) => a - b);
        expect(runs.filter((run) => run.pipeline === pipeline).map(({ at }) => at)).toEqual(expected);
      }
      expect(runs.map(({ at }) => at)).toEqual(runs.map(({ at }) => at).sort((a, b) => a - b));
    }),
    { seed: 5, numRuns: 100 },
  );
});
