import * as z from "zod/mini";
import type { Hook, Hooks } from "../policies.ts";
import { MINUTE_MS } from "../time-units.ts";
import { duration, listOf, text } from "./schema-parts.ts";
import { parseArgument } from "./values.ts";

const words = listOf(
  text(parseArgument, { description: "The program, or one argument." }),
  "A program and its arguments. They do not pass through a shell.",
);

const hook = (description: string) =>
  z.optional(
    z
      .union([
        words,
        z.strictObject({
          command: words,
          timeout: z.optional(duration("Longest time that the hook may run. Then it is stopped. Default: 10m.")),
        }),
      ])
      .check(z.meta({ description, examples: [["dbt", "run"]] })),
  );

/** The commands that a run starts before and after its pipeline. */
export const hooks = z
  .strictObject({
    before: hook("Runs before the pipeline. If it fails, the pipeline is not started."),
    after: hook("Runs after each run, whatever its outcome, but not after a stop."),
    after_success: hook("Runs after a run that succeeded."),
    after_failure: hook("Runs after a run that failed or timed out."),
  })
  .check(
    z.meta({
      description:
        "Commands that a run starts before and after the pipeline: a list of a program and its arguments, or `{command: [...], timeout: 5m}`. A pipeline's `hooks` replace all of `defaults`.",
    }),
  );

type WrittenHooks = z.output<typeof hooks>;

const DEFAULT_TIMEOUT_MS = 10 * MINUTE_MS;

function toHook(written: WrittenHooks["before"]): Hook | undefined {
  if (written === undefined) return undefined;
  const { command, timeout = DEFAULT_TIMEOUT_MS } = "command" in written ? written : { command: written };
  return { command, timeoutMs: timeout };
}

/** The hooks of a pipeline, with the default timeout. */
export const toHooks = ({ before, after, after_success, after_failure }: WrittenHooks): Hooks => ({
  before: toHook(before),
  after: toHook(after),
  afterSuccess: toHook(after_success),
  afterFailure: toHook(after_failure),
});
