import { EXIT, SchedError } from "../errors.ts";
import { mapStack } from "../text/source-maps.ts";

/** The message and the exit code of an error. Both entry points use it. */
export function formatError(error: unknown): { readonly text: string; readonly exitCode: number } {
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
