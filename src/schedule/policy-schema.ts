import * as z from "zod/mini";
import { RETRY_OUTCOMES } from "../policies.ts";
import { hooks } from "./hook-schema.ts";
import { anyValue, asText, duration, listOf, number, text } from "./schema-parts.ts";
import { OVERLAP_WORDS, parseOutputText, parseOverlapWord, parseRetryOutcome } from "./values.ts";

const retries = z
  .strictObject({
    max: number("Number of attempts after the first; 0: none.", { least: 0, most: 20, whole: true }),
    delay: z.optional(duration("Wait before the second attempt. Default: 1m.")),
    backoff: z.optional(
      number("Factor by which each wait is longer than the one before. Default: 2.", { least: 1, most: 10 }),
    ),
    max_delay: z.optional(duration("Longest wait. Default: 30m.")),
    on: z.optional(
      listOf(
        z.union([
          text(parseRetryOutcome, { enum: [...RETRY_OUTCOMES] }),
          z.strictObject({
            output: text(parseOutputText, {
              description: "The end of the failed attempt's output contains this text.",
            }),
          }),
        ]),
        "Outcomes that are repeated: failed, timed-out, or a failure whose output contains a text. Default: [failed, timed-out].",
      ),
    ),
  })
  .check(
    z.meta({
      description:
        "Repeats a run that failed, under the same lock. The last attempt starts before the pipeline is due again. Default: no repetition.",
      examples: [{ max: 2, delay: "1m", backoff: 2, max_delay: "30m", on: ["failed", "timed-out"] }],
    }),
    z.check(({ value: { delay, max_delay: most }, issues }) => {
      if (delay === undefined || most === undefined || delay <= most) return;
      const params = { hint: "Write a longer max_delay, or a shorter delay." };
      const message = "the longest wait is shorter than the first wait, `delay`";
      issues.push({ code: "custom", input: most, path: ["max_delay"], message, params });
    }),
  );

/** The run policies that the file may set in `defaults` and in each pipeline. */
export const policies = {
  timeout: z.optional(
    duration(
      "Longest time that the pipeline may run, such as 6h. After it, the run stops the pipeline and ends as timed-out. Default: no limit.",
    ),
  ),
  retries: z.optional(retries),
  running_longer_than: z.optional(
    duration(
      "`status` marks a run that has been running for longer as overdue. The run is not stopped. Default: no limit.",
    ),
  ),
  fresh_within: z.optional(
    duration(
      "The pipeline must have succeeded within this time, such as 2h. Otherwise `status` marks it as late. In `defaults`, it does not apply to entries without `cron`. Default: no limit.",
    ),
  ),
  catch_up: z.optional(
    duration(
      "After downtime, the newest due time that was missed is run once, if it is not older than this. 1h to 31d. In `defaults`, it does not apply to entries without `cron`. Default: missed due times are not run.",
      { least: "1h" },
      ["12h"],
    ),
  ),
  hooks: z.optional(hooks),
  on_overlap: z.optional(
    z
      .union([
        z.strictObject({ wait: duration("Longest time that the start waits for the other run.") }),
        anyValue((input) => parseOverlapWord(asText(input)), { type: "string", enum: OVERLAP_WORDS }),
      ])
      .check(
        z.meta({
          description:
            "Action of a start that finds its pipeline running. skip: skip the start; `{wait: 20m}`: wait for that run, one start at a time; replace: stop that run and start. A run by hand is never replaced. Default: skip; for fast_sync, sync_tables and partial_sync_table `{wait: 1h}`.",
          examples: [{ wait: "20m" }],
        }),
      ),
  ),
};
