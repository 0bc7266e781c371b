import { CommanderError } from "commander";
import { EXIT } from "../errors.ts";
import type { Host } from "../host.ts";
import { renderFault } from "./fault.ts";
import { buildProgram } from "./program.ts";

/** Runs one command line. @param argv the words behind `pipelinewise-sched`; @returns the exit code */
export async function main(argv: readonly string[], host: Host): Promise<number> {
  let code: number = EXIT.ok;
  const finish = (given: number) => {
    code = given;
  };
  try {
    const program = await buildProgram(argv, host, finish);
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    // commander has written its own message by now; only the code is left to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const fault = renderFault(error);
    host.stderr.write(fault.text);
    return fault.exitCode;
  }
}
