/** Exit codes of this program. Every other exit code of `run` is PipelineWise's. The README shows this table. */
export const EXIT = {
  ok: 0,
  /** `diff`: something would change. */
  differs: 1,
  /** 126 and 127 as in a shell: the program is not executable, or was not found. */
  notExecutable: 126,
  notFound: 127,
  usage: 64,
  badSchedule: 65,
  noInput: 66,
  bug: 70,
  io: 74,
  skipped: 75,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

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

/** The command line is wrong (exit 64). */
export class UsageError extends SchedError {
  constructor(message: string, hint?: string) {
    super(message, { exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
  }
}
