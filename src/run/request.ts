import type { PipelineId } from "../command/request.ts";

/** What the words behind `run` ask for. What was not said is `undefined`. */
export interface RunRequest extends PipelineId {
  readonly command: string | undefined;
  readonly id: string | undefined;
  /** Name of the installed schedule. */
  readonly schedule: string | undefined;
  readonly configDir: string | undefined;
  /** A schedule file to take the entry from, instead of what is installed. */
  readonly file: string | undefined;
  /** Started by a scheduler: silent but for failures. */
  readonly scheduled: boolean;
  /** The due instant that the scheduler means; without it the run finds its own. */
  readonly slot: Date | undefined;
  /** Run that slot also when it was handled before. */
  readonly again: boolean;
  /** Record as skipped what came due while the run was at work. */
  readonly tellMissed: boolean;
  /** Pass the pipeline's output through although scheduled. */
  readonly output: boolean;
  /** How long a stop may take until nothing is left; `undefined`: as long as is good for the pipeline. */
  readonly stopWithinSeconds: number | undefined;
  /** Code of a skip, in place of 0 (scheduled) or 75 (by hand). */
  readonly skipExitCode: number | undefined;
  readonly dryRun: boolean;
  /** Words behind `--`, for PipelineWise's command. */
  readonly extraArgs: readonly string[];
}
