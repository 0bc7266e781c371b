import { EXIT, SchedError } from "../errors.ts";
import { mapStack } from "../text/source-maps.ts";

/** What the user is told of a failure, and the code that goes with it. Both doors of the program use it. */
export function renderFault(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof SchedError) {
    const hint = error.hint === undefined ? "" : `  ${error.hint}\n`;
    return { text: `pipelinewise-sched: ${error.message}\n${hint}`, exitCode: error.exitCode };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    text: `pipelinewise-sched: this is a bug in pipelinewise-sched. Please report it with the lines below.\n${mapStack(stack)}\n`,
    exitCode: EXIT.bug,
  };
}
