import { EXIT, errorMessage, InterruptedError, SchedError, StoreError } from "../errors.ts";
import type { SignalSource } from "../host.ts";
import { FAST_SYNC_NAMES, type FastSyncName } from "../pipeline-id.ts";
import { SECOND_MS } from "../time-units.ts";
import { type CallLimits, callProgram, lastLine } from "./call-program.ts";

/** The commands that a PipelineWise knows, as its own help tells. */
export interface KnownCommands {
  /** How it was called, for messages. */
  readonly program: string;
  knows(command: string): boolean;
}

/** A start of PipelineWise takes one to three seconds; on a busy machine, more. */
const LIMITS: CallLimits = { answerMs: 60 * SECOND_MS, graceMs: 2 * SECOND_MS, signalMs: 0, mostBytes: 1024 * 1024 };

/**
 * Asks PipelineWise which commands it knows, by its `--help`. A version number does not show them: a user may call
 * PipelineWise through a script or an image that has its own version.
 *
 * @param command absolute path of the program, then the arguments before every subcommand
 * @throws StoreError when it gives no answer; InterruptedError after a signal
 */
export async function askKnownCommands(
  command: readonly string[],
  { env, signals }: { readonly env: NodeJS.ProcessEnv; readonly signals: SignalSource },
): Promise<KnownCommands> {
  const words = [...command, "--help"];
  const failed = (why: string, cause?: unknown): StoreError =>
    new StoreError(`cannot ask PipelineWise which commands it knows: ${why}`, {
      cause,
      hint: "Run that command by hand and fix the problem, then try again.",
    });
  const answer = await callProgram(words, { env, signals, limits: LIMITS }).catch((error) => {
    throw error instanceof InterruptedError ? error : failed(errorMessage(error), error);
  });
  const { exitCode, signal, stdout, stderr } = answer;
  if (exitCode !== 0) {
    throw failed(`${words.join(" ")} failed: ${lastLine(stderr) ?? `it ended with ${signal ?? exitCode}`}`);
  }
  const known = new Set(stdout.split(/[^A-Za-z0-9_]+/));
  return { program: command.join(" "), knows: (name) => known.has(name) };
}

/** Name that PipelineWise has for its fast sync. @param place the entry that needs it, such as `schedule.yml:3:5  a → b (fast_sync)` */
export function fastSyncName({ program, knows }: KnownCommands, place: string): FastSyncName {
  const name = FAST_SYNC_NAMES.find(knows);
  if (name !== undefined) return name;
  throw new SchedError(`${place}: ${program} knows neither ${FAST_SYNC_NAMES.join(" nor ")}`, {
    exitCode: EXIT.badSchedule,
    hint: "Set pipelinewise.command to a PipelineWise whose --help lists one of them.",
  });
}

/** Throws where PipelineWise is too old for data-diff checks. @param place as for `fastSyncName` */
export function assertKnowsDataDiff({ program, knows }: KnownCommands, place: string): void {
  if (knows("run_data_diff_checks")) return;
  throw new SchedError(`${place}: ${program} does not know run_data_diff_checks`, {
    exitCode: EXIT.badSchedule,
    hint: "Update PipelineWise to 0.78 or later, or remove this entry.",
  });
}
