/** Exit codes of this program. Every other exit code of `run` is PipelineWise's. docs/commands.md shows this table. */
export const EXIT = {
  ok: 0,
  /** `diff`: something would change. */
  differs: 1,
  /** `status --check`: something failed, is late or overdue, or alerts or `tend` do not work. */
  needsAttention: 1,
  /** `alerts test`: a receiver did not accept a message. */
  notAccepted: 1,
  /** 126 and 127 as in a shell: the program is not executable, or was not found. */
  notExecutable: 126,
  notFound: 127,
  /** As of timeout(1): a pipeline reached its timeout and was stopped. */
  timedOut: 124,
  usage: 64,
  badSchedule: 65,
  noInput: 66,
  bug: 70,
  io: 74,
  skipped: 75,
} as const;

/**
 * The signals that would end this process and that it handles, each with the exit code of a shell: 128 + n for signal n
 * of Linux. Of the other fatal ones, Node cannot handle SIGKILL and the real-time signals, and after SIGBUS, SIGFPE,
 * SIGILL or SIGSEGV a process may not continue. SIGPIPE and SIGXFSZ are ignored, so their cause is an error of a write.
 */
export const EXIT_BY_SIGNAL = {
  ...{ SIGHUP: 129, SIGINT: 130, SIGQUIT: 131, SIGTRAP: 133, SIGABRT: 134, SIGALRM: 142, SIGTERM: 143 },
  ...{ SIGSTKFLT: 144, SIGXCPU: 152, SIGVTALRM: 154, SIGPROF: 155, SIGIO: 157, SIGPWR: 158, SIGSYS: 159 },
} as const;

/** A signal that asks this program to end. */
export type EndSignal = keyof typeof EXIT_BY_SIGNAL;

/** All signals that ask this program to end. */
export const END_SIGNALS = Object.keys(EXIT_BY_SIGNAL) as EndSignal[]; // Keys of a literal, typed as string.

export type ExitCode = (typeof EXIT)[keyof typeof EXIT] | (typeof EXIT_BY_SIGNAL)[EndSignal];

/**
 * An error that the user can fix. `message` says what is wrong, with the value and its place; `hint` says what to do next.
 * It is shown without a stack. Any other error is a bug and is shown with its stack.
 */
export class SchedError extends Error {
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(message: string, options: { exitCode: ExitCode; hint?: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.exitCode = options.exitCode;
    this.hint = options.hint;
  }
}

/** The `code` of a system error such as "ENOENT"; `undefined` for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The message of a thrown value, which may not be an `Error`. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A state file, the crontab or another scheduler cannot be read or written (exit 74). */
export class StoreError extends SchedError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { ...options, exitCode: EXIT.io });
  }
}

/** A file is larger than any file of this program or of PipelineWise, so it is not read. */
export class TooLargeError extends StoreError {}

/** The command line is wrong (exit 64). */
export class UsageError extends SchedError {
  constructor(message: string, hint?: string) {
    super(message, { exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
  }
}

/** A signal asked this process to end. */
export class InterruptedError extends SchedError {
  /** @param done what is complete */
  constructor(signal: EndSignal, done: string) {
    super(`interrupted by ${signal}; ${done}`, { exitCode: EXIT_BY_SIGNAL[signal] });
  }
}
