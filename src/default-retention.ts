import type { Retention } from "./policies.ts";
import { DAY_MS } from "./time-units.ts";

/** The limits where the schedule file does not say it. In its own file: a start does not need it. */
export const DEFAULT_RETENTION: Retention = {
  logsMs: 30 * DAY_MS,
  historyMs: 400 * DAY_MS,
  logBytes: 100 * 1024 * 1024,
};
