import { runMain } from "../run-command.ts";
import { runCli } from "./entry.ts";

/**
 * The entry point for `run` as schedulers call it.
 *
 * @param argv begins with `run`
 * @param program absolute path of the program in bin/
 */
export const open = (argv: readonly string[], program: string): Promise<void> =>
  runCli(runMain, { argv: argv.slice(1), program, callsPipelineWise: true });
