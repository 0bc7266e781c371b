import type { Command } from "commander";
import type { Host } from "../host.ts";

/** Sets the exit code of the program, which is 0 otherwise. */
export type Finish = (code: number) => void;

/**
 * Adds options and an action to a command. A new command is one file in `commands/` and one row in `main.ts`, which
 * contains its name and description.
 */
export type AddCommand = (command: Command, host: Host, finish: Finish) => void;

/** The end of a command's help. @param lines the arguments of each example, after `pipelinewise-sched` */
export const examples = (...lines: readonly string[]): string =>
  `\nExample${lines.length === 1 ? "" : "s"}:\n${lines.map((line) => `  pipelinewise-sched ${line}`).join("\n")}`;

/** Writes each warning on stderr once: many locks may report the same one. */
export function warnOnce({ stderr }: Pick<Host, "stderr">): (text: string) => void {
  const shown = new Set<string>();
  return (text) => {
    if (!shown.has(text)) stderr.write(`warning: ${text}\n`);
    shown.add(text);
  };
}
