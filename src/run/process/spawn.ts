import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { EXIT, errorCode, errorMessage, SchedError, StoreError } from "../../errors.ts";

/** A pipeline that was started: the leader of a process group of its own. */
export interface Pipeline {
  /** Of the leader, and of the group. */
  readonly pid: number;
  /** When the leader has ended: its code, or 128 + n for signal n. The rest of its group may still be at work. */
  readonly ended: Promise<number>;
  /** Where its output is passed through. */
  readonly streams: { readonly stdout: Readable; readonly stderr: Readable } | undefined;
}

/** What to start, all found and read. */
export interface PipelineStart {
  /** Program absolute, then its words. */
  readonly words: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Carries the kernel's lock; `undefined`: nothing to read. */
  readonly stdin: number | undefined;
  /** `pipe`: passed through by us; else the descriptor that takes both outputs. */
  readonly output: number | "pipe";
  /** So that the pipeline is told to end when we are killed; `undefined` where the system has none. */
  readonly setpriv: string | undefined;
}

const SIGNAL_BASE = 128;

function shellCode(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 0) : SIGNAL_BASE + constants.signals[signal];
}

function startFault(program: string, error: unknown): SchedError {
  // It was found and is executable, so what is missing is the interpreter that its first line names.
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
 * Starts a pipeline in a process group of its own, so that a stop reaches all of it and Ctrl-C reaches it through us
 * only.
 */
export async function startPipeline(start: PipelineStart): Promise<Pipeline> {
  const { words, env, cwd, stdin, output, setpriv } = start;
  const [program = "", ...args] = setpriv === undefined ? words : [setpriv, "--pdeathsig", "TERM", ...words];
  let child: ChildProcess;
  try {
    child = spawn(program, args, { env, cwd, detached: true, stdio: [stdin ?? "ignore", output, output] });
  } catch (error) {
    throw startFault(words[0] ?? "", error); // Such as E2BIG, which is thrown at once.
  }
  const ended = new Promise<number>((resolve) => {
    child.once("exit", (code, signal) => resolve(shellCode(code, signal)));
  });
  try {
    await once(child, "spawn");
  } catch (error) {
    throw startFault(words[0] ?? "", error);
  }
  if (child.pid === undefined) throw startFault(words[0] ?? "", new Error("it has no process id"));
  const { stdout, stderr } = child;
  return { pid: child.pid, ended, streams: stdout === null || stderr === null ? undefined : { stdout, stderr } };
}
