import { parseCron } from "../../../src/cron/expression.ts";
import type { Pipeline } from "../../../src/schedule/schedule.ts";
import type { InstallJob } from "../../../src/schedulers/scheduler.ts";
import { decadesFrom } from "../../../src/schedulers/scheduler.ts";

const AT = new Date("2026-11-23T12:00:00.500Z");
export const HORIZON = decadesFrom(AT);

/** A pipeline with these times, in London unless it says otherwise. */
export const pipeline = (crons: string | readonly string[], changes: Partial<Pipeline> = {}): Pipeline => ({
  tap: "orders",
  target: "warehouse",
  command: "run_tap",
  crons: [crons].flat().map(parseCron),
  timezone: "Europe/London",
  args: [],
  position: { line: 1, column: 1 },
  ...changes,
});

/** The job of bringing pipelines to Airflow. */
export const job = (pipelines: readonly Pipeline[], changes: Partial<InstallJob> = {}): InstallJob => ({
  schedule: {
    name: "shop",
    source: { path: "/srv/schedule.yml", bytes: new Uint8Array() },
    pipelinewise: { command: ["pipelinewise"], env: {} },
    pipelines,
  },
  call: { node: "/usr/bin/node", program: "/opt/p/bin/p.cjs", schedule: "shop", configDir: "/srv/pw" },
  machineZone: "UTC",
  horizon: HORIZON,
  at: AT,
  ...changes,
});
