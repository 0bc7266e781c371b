import { main } from "../main.ts";
import { runCli } from "./entry.ts";

/**
 * The entry point for every command except a plain `run`.
 *
 * @param program absolute path of the program in bin/
 */
export const open = (argv: readonly string[], program: string): Promise<void> =>
  runCli(main, { argv, program, callsPipelineWise: argv[0] === "run" || argv[0] === "import" });
