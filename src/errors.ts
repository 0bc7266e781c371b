/** Exit codes of our own; every other code of `run` is PipelineWise's. The README shows this table. */
export const EXIT = {
  ok: 0,
  /** `diff`: something would change. */
  differs: 1,
  /** Program found but not to be executed, or not found: as a shell says it. */
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
 * Something the user can mend. `message` says what is wrong, with the value and its place; `hint` says what to do next.
 * Shown without a stack; any other error is a bug of ours and shown with it.
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

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What we need could not be read or written: store, crontab, another scheduler (exit 74). */
export class StoreError extends SchedError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { ...options, exitCode: EXIT.io });
  }
}

/** The words of the command line are wrong (exit 64). */
export class UsageError extends SchedError {
  constructor(message: string, hint?: string) {
    super(message, { exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
  }
}
