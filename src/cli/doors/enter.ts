import { realHost } from "../../host.ts";
import { renderFault } from "../fault.ts";
import { leaveIfHung } from "./leave.ts";

/** Set by the build to the version in package.json. */
declare const PROGRAM_VERSION: string;

/** Opens a door on the real machine and leaves its code as the exit code. Nothing else ends the process. */
export async function enter(
  door: (argv: readonly string[], host: ReturnType<typeof realHost>) => Promise<number>,
  argv: readonly string[],
  program: string,
): Promise<void> {
  const host = realHost(program, PROGRAM_VERSION);
  try {
    process.exitCode = await door(argv, host);
  } catch (error) {
    const fault = renderFault(error);
    host.stderr.write(fault.text);
    process.exitCode = fault.exitCode;
  }
  await leaveIfHung();
}
