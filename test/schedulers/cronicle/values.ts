import { parseCron } from "../../../src/cron/expression.ts";
import type { Pipeline } from "../../../src/schedule/schedule.ts";
import type { EventFrame } from "../../../src/schedulers/cronicle/event.ts";
import { decadesFrom } from "../../../src/schedulers/scheduler.ts";

export const HORIZON = decadesFrom(new Date("2026-11-23T12:00Z"));

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

export const frame = (changes: Partial<EventFrame> = {}): EventFrame => ({
  mark: { schedule: "shop", configDir: "/srv/pw", source: "/srv/schedule.yml" },
  call: { node: "/usr/bin/node", program: "/opt/p/bin/p.cjs", schedule: "shop", configDir: "/srv/pw" },
  category: "pipelinewise",
  target: "allgrp",
  machineZone: "UTC",
  horizon: HORIZON,
  ...changes,
});
