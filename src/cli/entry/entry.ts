import { realHost } from "../../host.ts";
import { openQuestions } from "../../storage/deadline.ts";
import { renderFault } from "../format-error.ts";

/** Time for pending file operations to finish after the command has ended. */
const LAST_CALL_MS = 1_000;
const POLL_MS = 20;
/** Time for `process.exit` to finish before the helper kills this process. */
const END_WITHIN_S = 5;

/**
 * Ends the process if a network file system that hangs would keep it from ending: Node waits for every pending file
 * operation, even in `process.exit`, and one more process for each scheduled start would fill the machine. Does nothing
 * if no operation is pending.
 *
 * The exit code is kept if possible. Otherwise a helper kills this process.
 */
export async function leaveIfHung(): Promise<void> {
  for (let waited = 0; openQuestions() > 0; waited += POLL_MS) {
    if (waited >= LAST_CALL_MS) return leave();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function leave(): Promise<void> {
  // Loaded only here, because it takes a fifth of Node's start time. It is built into Node, so it needs no disk.
  const { spawn } = await import("node:child_process");
  // The helper's stdin closes when this process ends; then there is nothing to kill.
  const script = `timeout ${END_WITHIN_S} cat >/dev/null || kill -KILL ${process.pid}`;
  const helper = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], cwd: "/", detached: true });
  helper.once("error", () => process.kill(process.pid, "SIGKILL"));
  helper.once("spawn", () => process.exit());
}

/** Set by the build to the version in package.json. */
declare const PROGRAM_VERSION: string;

/** Runs an entry point on the real machine and sets its exit code. */
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
