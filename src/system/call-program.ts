import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { StoreError } from "../errors.ts";
import type { SignalSource } from "../host.ts";
import { SECOND_MS } from "../time-units.ts";
import { holdSignals } from "./hold-signals.ts";
import { signalGroup } from "./proc.ts";

/** The output of a program that has ended, and how it ended. */
export interface ProgramAnswer {
  /** `null` after a signal. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Limits of a call. */
export interface CallLimits {
  /** Time until the program must have ended and closed its output. */
  readonly answerMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** From a signal to this process to SIGTERM. */
  readonly signalMs: number;
  /** Length of both outputs together. */
  readonly mostBytes: number;
}

interface CallOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signals: SignalSource;
  readonly limits: CallLimits;
  /** Text for its stdin. Absent: its stdin is /dev/null. */
  readonly input?: string;
  /** `latin1` keeps each byte as one character. */
  readonly encoding?: "utf8" | "latin1";
  /** An imperative for the user of a program that was stopped. */
  readonly hint?: string;
}

/** The program reached a limit, so it was stopped. */
class StoppedProgramError extends StoreError {}

const MIB = 1024 * 1024;

/**
 * Calls a program and reads what it prints until it ends. At a limit, or after a signal to this process, its whole
 * process group is stopped, because it may be a script that waits for another program.
 *
 * The program has a session of its own: a Ctrl-C does not reach it, and a program of another user cannot type into this
 * terminal.
 *
 * @throws StoppedProgramError at a limit; InterruptedError after a signal; the error of `spawn` if it cannot be started
 */
export async function callProgram(
  [program = "", ...args]: readonly string[],
  { env, signals, limits, input, encoding = "utf8", hint }: CallOptions,
): Promise<ProgramAnswer> {
  const { answerMs, graceMs, signalMs, mostBytes } = limits;
  const options = { env, detached: true };
  const child: ChildProcessByStdio<Writable | null, Readable, Readable> =
    input === undefined
      ? spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] })
      : spawn(program, args, { ...options, stdio: ["pipe", "pipe", "pipe"] });
  // A program may end before it has read its input. Its exit code then says whether that is an error.
  child.stdin?.on("error", () => {}).end(input);
  const timers: NodeJS.Timeout[] = [];
  const after = (ms: number, act: () => void) => timers.push(setTimeout(act, ms));
  let stop = (_why: string): void => {};
  const result = new Promise<ProgramAnswer | StoppedProgramError>((resolve, reject) => {
    stop = (why) => {
      stop = () => {};
      const { pid } = child;
      if (pid === undefined) return; // It was never started, and `error` says why.
      const error = new StoppedProgramError(`\`${[program, ...args].join(" ")}\` ${why}, so it was stopped`, {
        ...(hint === undefined ? {} : { hint }),
      });
      const kill = () => {
        signalGroup(pid, "SIGKILL");
        // A process that left the group, or that belongs to another user, may keep the pipes open.
        child.stdout.destroy();
        child.stderr.destroy();
        child.unref();
        resolve(error);
      };
      signalGroup(pid, "SIGTERM");
      if (child.exitCode !== null || child.signalCode !== null) return kill();
      child.once("exit", kill);
      after(graceMs, kill);
    };
    after(answerMs, () => stop(`did not answer within ${answerMs / SECOND_MS} seconds`));
    let size = 0;
    const collect = (stream: Readable): readonly Buffer[] => {
      const parts: Buffer[] = [];
      stream.on("data", (bytes: Buffer) => {
        size += bytes.length;
        if (size <= mostBytes) parts.push(bytes);
        else stop(`printed more than ${mostBytes / MIB} MiB`);
      });
      return parts;
    };
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    const textOf = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString(encoding);
    child.once("error", reject);
    child.once("close", (exitCode, signal) =>
      resolve({ exitCode, signal, stdout: textOf(stdout), stderr: textOf(stderr) }),
    );
  }).finally(() => {
    stop = () => {};
    for (const timer of timers) clearTimeout(timer);
  });
  const onSignal = () => after(signalMs, () => stop("did not end after a signal"));
  const answer = await holdSignals(signals, () => result, { done: "nothing was changed", onSignal });
  if (answer instanceof StoppedProgramError) throw answer;
  return answer;
}

/** The last line that a program printed on stderr; `undefined` if it printed none. */
export const lastLine = (text: string): string | undefined => text.trim().split("\n").at(-1)?.trim() || undefined;
