import * as z from "zod/mini";
import { DEFAULT_RETENTION } from "../default-retention.ts";
import type { Retention } from "../policies.ts";
import { duration, size } from "./schema-parts.ts";

const time = (description: string) => duration(description, { least: "1d", most: "3650d" }, ["30d"]);

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
    pipelinewise_logs: z.optional(
      time(
        "Time after which PipelineWise's own log of a run is removed. The newest of each pipeline stay. Default: they are not removed.",
      ),
    ),
    log_size: z.optional(
      size("Largest size of one log. The beginning and the end of a larger log are kept. Default: 100M.", ["100M"]),
    ),
  })
  .check(
    z.meta({
      description:
        "How long logs and history are kept, and how large a log may become. `tend` removes older files once a day. Without this key, only the command `prune` removes them, and no log is shortened.",
      examples: [{ logs: "30d", history: "400d", log_size: "100M" }],
    }),
  );

/** Converts the key, and fills in the defaults. */
export const toRetention = ({ logs, history, pipelinewise_logs, log_size }: z.output<typeof retention>): Retention => ({
  logsMs: logs ?? DEFAULT_RETENTION.logsMs,
  historyMs: history ?? DEFAULT_RETENTION.historyMs,
  pipelinewiseLogsMs: pipelinewise_logs,
  logBytes: log_size ?? DEFAULT_RETENTION.logBytes,
});
