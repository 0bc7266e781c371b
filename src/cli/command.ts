import type { Command } from "commander";
import type { Host } from "../host.ts";

/** What a command may hand back: the code the program ends with. Without it that is 0. */
export type Finish = (code: number) => void;

/**
 * Gives a command its options and its action. A new command is one file in `commands/` and one row in `main.ts`, which has
 * its name and description.
 */
export type AddCommand = (command: Command, host: Host, finish: Finish) => void;
