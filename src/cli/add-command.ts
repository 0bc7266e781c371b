import type { Command } from "commander";
import type { Host } from "../host.ts";

/** What a command may hand back: the code the program ends with. Without it that is 0. */
export type Finish = (code: number) => void;

/** Declares one command on the program. A new command is one file in `commands/` and one line in `COMMANDS`. */
export type AddCommand = (program: Command, host: Host, finish: Finish) => void;
