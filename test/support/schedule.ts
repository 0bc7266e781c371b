import { parseCron } from "../../src/cron/expression.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";

/** A schedule of pipelines that start every hour. */
export const schedule = (timezone?: string, count = 1): Schedule => ({
  name: "pipelinewise",
  source: { path: "/s.yml", bytes: Buffer.from("") },
  pipelinewise: { command: ["pipelinewise"], env: {} },
  pipelines: Array.from({ length: count }, (_, index) => ({
    tap: `tap_${index}`,
    target: "redshift",
    command: "run_tap" as const,
    crons: [parseCron("0 * * * *")],
    args: [],
    timezone,
    position: { line: 2, column: 3 },
  })),
});
