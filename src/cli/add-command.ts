import type { Command } from "commander";
import type { Host } from "../host.ts";

/** What a command may hand back: the code the program ends with. Without it that is 0. */
export type Finish = (code: number) => void;

/**
 * Gives a command its words and its act. A new command is one file in `commands/` and one row in `program.ts`, where
 * its name and description stand.
 */
export type AddCommand = (command: Command, host: Host, finish: Finish) => void;
