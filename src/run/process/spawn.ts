import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { EXIT, errorCode, errorMessage, SchedError, StoreError } from "../../errors.ts";

/** A running pipeline process. It leads a process group of its own. */
export interface PipelineProcess {
  /** Id of the process and of its group. */
  readonly pid: number;
  /** Resolves when the process has ended, with its exit code, or 128 + n for signal n. The rest of its group may still be running. */
  readonly ended: Promise<number>;
  /** Its output, if it is passed through. */
  readonly streams: { readonly stdout: Readable; readonly stderr: Readable } | undefined;
}

/** The input of `spawnPipeline`. */
export interface SpawnOptions {
  /** The absolute path of the program, then its arguments. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Descriptor of the kernel lock; `undefined`: /dev/null. */
  readonly stdin: number | undefined;
  /** `pipe`: passed through by the wrapper; otherwise the descriptor that takes stdout and stderr. */
  readonly output: number | "pipe";
  /**
   * Path of setpriv, which sends SIGTERM to the pipeline when the wrapper is killed; `undefined` if it cannot be used.
   */
  readonly setpriv: string | undefined;
}

const SIGNAL_BASE = 128;

function shellCode(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 0) : SIGNAL_BASE + constants.signals[signal];
}

/** The error to report if a program, which was found, could not be started. */
export function startFault(program: string, error: unknown): SchedError {
  // The program was found and is executable, so the interpreter in its first line is missing.
  if (errorCode(error) === "ENOENT") {
    return new SchedError(`cannot start ${program}: the interpreter named in its first line is missing`, {
      exitCode: EXIT.notFound,
      cause: error,
    });
  }
  if (errorCode(error) === "EACCES") {
    return new SchedError(`cannot start ${program}: permission denied`, { exitCode: EXIT.notExecutable, cause: error });
  }
  return new StoreError(`cannot start ${program}: ${errorMessage(error)}`, { cause: error });
}

/**
 * Starts a pipeline in a process group of its own, so that a stop reaches all of its processes, and Ctrl-C only the
 * wrapper.
 *
 * It inherits the working directory, even one that this user cannot enter, as it would without this program.
 */
export async function spawnPipeline(options: SpawnOptions): Promise<PipelineProcess> {
  const { argv, env, stdin, output, setpriv } = options;
  const [program = "", ...args] = setpriv === undefined ? argv : [setpriv, "--pdeathsig", "TERM", ...argv];
  let child: ChildProcess;
  try {
    child = spawn(program, args, { env, detached: true, stdio: [stdin ?? "ignore", output, output] });
  } catch (error) {
    throw startFault(program, error); // For example E2BIG, which spawn throws at once.
  }
  const ended = new Promise<number>((resolve) => {
    child.once("exit", (code, signal) => resolve(shellCode(code, signal)));
  });
  try {
    await once(child, "spawn");
  } catch (error) {
    throw startFault(program, error);
  }
  if (child.pid === undefined) throw startFault(program, new Error("it has no process id"));
  const { stdout, stderr } = child;
  return { pid: child.pid, ended, streams: stdout === null || stderr === null ? undefined : { stdout, stderr } };
}
