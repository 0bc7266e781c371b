import { realHost } from "../../host.ts";
import { openQuestions } from "../../storage/deadline.ts";
import { renderFault } from "../format-error.ts";

/** For so long a share that hung may yet answer what nobody waits for any more. */
const LAST_CALL_MS = 1_000;
const POLL_MS = 20;
/** Afterwards, for so long we may take to end. */
const END_WITHIN_S = 5;

/**
 * Ends the process where a share that hangs would keep it from ending: node waits for every answer, also in
 * `process.exit`, and one process more at each tick would fill the machine. Does nothing where all is answered.
 *
 * The code is kept where that can be; else a helper kills us, as soon as it sees that we do not end.
 */
export async function leaveIfHung(): Promise<void> {
  for (let waited = 0; openQuestions() > 0; waited += POLL_MS) {
    if (waited >= LAST_CALL_MS) return leave();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function leave(): Promise<void> {
  // Loaded only here: it would cost every tick a fifth of node's own start. It is in node itself, on no disk that hangs.
  const { spawn } = await import("node:child_process");
  // Our end of its stdin closes when we are gone, and not before: then there is nothing to kill.
  const script = `timeout ${END_WITHIN_S} cat >/dev/null || kill -KILL ${process.pid}`;
  const helper = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], cwd: "/", detached: true });
  helper.once("error", () => process.kill(process.pid, "SIGKILL"));
  helper.once("spawn", () => process.exit());
}

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
