import { execFile } from "node:child_process";
import { EXIT, SchedError, StoreError } from "../errors.ts";
import { FAST_SYNC_NAMES, type FastSyncName } from "../pipeline-id.ts";

/** The commands that a PipelineWise knows, as its own help tells. */
export interface KnownCommands {
  /** How it was called, for messages. */
  readonly program: string;
  knows(command: string): boolean;
}

/** A start of PipelineWise takes one to three seconds; on a busy machine, more. */
const TIMEOUT_MS = 60_000;

/**
 * Asks PipelineWise which commands it knows, by its `--help`. A version number would not tell: a user may call PipelineWise
 * through a script or an image that has its own.
 *
 * @param command the program, absolute, and its leading words
 * @throws StoreError when it gives no answer
 */
export function askKnownCommands(command: readonly string[], env: NodeJS.ProcessEnv): Promise<KnownCommands> {
  const [program = "", ...words] = [...command, "--help"];
  return new Promise((resolve, reject) => {
    execFile(
      program,
      words,
      { env, timeout: TIMEOUT_MS, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 },
      (error, stdout, stderr) => {
        const shown = [program, ...words].join(" ");
        if (error !== null) {
          const lastLine = stderr.trim().split("\n").at(-1) || error.message.split("\n")[0];
          reject(
            new StoreError(`cannot ask PipelineWise which commands it knows: ${shown} failed: ${lastLine}`, {
              cause: error,
              hint: "Run that command by hand and fix the problem, then try again.",
            }),
          );
          return;
        }
        const known = new Set(stdout.split(/[^A-Za-z0-9_]+/));
        resolve({ program: command.join(" "), knows: (name) => known.has(name) });
      },
    );
  });
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
