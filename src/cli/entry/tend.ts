import { tendMain } from "../tend-command.ts";
import { runCli } from "./entry.ts";

/**
 * The entry point for `tend` as schedulers call it.
 *
 * @param argv begins with `tend`
 * @param program absolute path of the program in bin/
 */
export const open = (argv: readonly string[], program: string): Promise<void> =>
  runCli(tendMain, { argv: argv.slice(1), program, callsPipelineWise: false });
