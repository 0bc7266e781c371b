import { parseCron } from "../../src/cron/expression.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";

/** A pipeline of the tap `tap` into `dwh`, at the given times. */
export function pipelineAt(tap: string, crons: readonly string[], changes: Partial<Pipeline> = {}): Pipeline {
  return {
    tap,
    target: "dwh",
    command: "run_tap",
    crons: crons.map(parseCron),
    args: [],
    position: { line: 1, column: 1 },
    ...changes,
  };
}
