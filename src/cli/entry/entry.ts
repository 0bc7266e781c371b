import { closeSync, fstatSync, writeSync } from "node:fs";
import { EXIT } from "../../errors.ts";
import { realHost } from "../../host.ts";
import { pendingOperations } from "../../storage/deadline.ts";
import { formatError } from "../format-error.ts";

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
export async function forceExitIfHung(): Promise<void> {
  for (let waited = 0; pendingOperations() > 0; waited += POLL_MS) {
    if (waited >= LAST_CALL_MS) return forceExit();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function forceExit(): Promise<void> {
  // Loaded only here, because it takes a fifth of Node's start time. It is built into Node, so it needs no disk.
  const { spawn } = await import("node:child_process");
  // The helper's stdin closes when this process ends; then there is nothing to kill.
  const script = `timeout ${END_WITHIN_S} cat >/dev/null || kill -KILL ${process.pid}`;
  const helper = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], cwd: "/", detached: true });
  helper.once("error", () => process.kill(process.pid, "SIGKILL"));
  helper.once("spawn", () => process.exit());
}

/** Runs `step`, which may fail because the terminal is gone. */
function attempt(step: () => unknown): void {
  try {
    step();
  } catch {
    // The process is about to end, and nothing is left that could receive the error.
  }
}

/**
 * Handles failed output when the process exits: the last output may fail as late as this.
 *
 * @param error the error of a command that prints, which ends with 74. The exit code of `run` and `import` is
 * PipelineWise's
 */
function atExit(error: string | undefined): void {
  if (error !== undefined) {
    process.exitCode = EXIT.io;
    attempt(() => writeSync(process.stderr.fd, `pipelinewise-sched: ${error}\n`));
  }
  // At its end Node resets the terminal, and aborts if the terminal is gone. It skips closed descriptors. All output has
  // been written, and this program never changes the settings of a terminal.
  for (const fd of [0, 1, 2]) attempt(() => fstatSync(fd).isCharacterDevice() && closeSync(fd));
}

/** Set by the build to the version in package.json. */
declare const PROGRAM_VERSION: string;

/** One start of the program. */
interface Start {
  readonly argv: readonly string[];
  /** Absolute path of the program in bin/. */
  readonly program: string;
  /** Whether it runs or imports pipelines. Its exit code is then PipelineWise's, whatever happens to the output. */
  readonly callsPipelineWise: boolean;
}

/** Runs an entry point on the real machine and sets its exit code. */
export async function runCli(
  main: (argv: readonly string[], host: ReturnType<typeof realHost>) => Promise<number>,
  { argv, program, callsPipelineWise }: Start,
): Promise<void> {
  let host: ReturnType<typeof realHost> | undefined;
  process.once("exit", () => atExit(callsPipelineWise ? undefined : host?.outputError()));
  try {
    host = realHost(program, PROGRAM_VERSION);
    process.exitCode = await main(argv, host);
  } catch (error) {
    const { text, exitCode } = formatError(error);
    (host?.stderr ?? process.stderr).write(text);
    process.exitCode = exitCode;
  }
  await forceExitIfHung();
}
