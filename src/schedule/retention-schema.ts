import * as z from "zod/mini";
import { DEFAULT_RETENTION } from "../default-retention.ts";
import type { Retention } from "../policies.ts";
import { duration } from "./schema-parts.ts";

const time = (description: string) => duration(description, { leastDays: 1, mostDays: 3650 }, ["30d"]);

/** The key `retention`. */
export const retention = z
  .strictObject({
    logs: z.optional(
      time(
        "Time after which the log of a run is removed. The logs of each pipeline's newest 20 runs stay. Default: 30d.",
      ),
    ),
    history: z.optional(
      time("Time after which a whole month of the history is removed, counted from its end. Default: 400d."),
    ),
  })
  .check(
    z.meta({
      description:
        "How long logs and history are kept. `tend` removes older ones once a day. Without this key, only the command `prune` removes them.",
      examples: [{ logs: "30d", history: "400d" }],
    }),
  );

/** Converts the key, and fills in the defaults. */
export const toRetention = ({ logs, history }: z.output<typeof retention>): Retention => ({
  logsMs: logs ?? DEFAULT_RETENTION.logsMs,
  historyMs: history ?? DEFAULT_RETENTION.historyMs,
});
