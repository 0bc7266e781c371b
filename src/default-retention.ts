import type { Retention } from "./policies.ts";
import { DAY_MS } from "./time-units.ts";

/** The limits that apply where the schedule file sets none. In a file of its own, because a start does not load it. */
export const DEFAULT_RETENTION: Retention = {
  logsMs: 30 * DAY_MS,
  historyMs: 400 * DAY_MS,
  logBytes: 100 * 1024 * 1024,
};
