import { EXIT, SchedError } from "../errors.ts";

/** What the user is told of a failure, and the code that goes with it. Both doors of the program use it. */
export function renderFault(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof SchedError) {
    const hint = error.hint === undefined ? "" : `  ${error.hint}\n`;
    return { text: `pipelinewise-sched: ${error.message}\n${hint}`, exitCode: error.exitCode };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    text: `pipelinewise-sched: this is a bug of ours, please report it with the lines below\n${stack}\n`,
    exitCode: EXIT.bug,
  };
}
