import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorCode, SchedError, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { ioError } from "../../storage/store-error.ts";
import { type CallLimits, callProgram, type ProgramAnswer } from "../../system/call-program.ts";
import { holdSignals } from "../../system/hold-signals.ts";
import { SECOND_MS } from "../../time-units.ts";
import { INSPECT_LIMIT_MS } from "../scheduler.ts";

/** This machine has no `crontab` program: only what another scheduler starts can be installed on it. */
export class NoCrontabProgramError extends StoreError {
  constructor(path: string | undefined) {
    super(`there is no \`crontab\` program on the PATH (${path ?? "not set"})`, {
      hint: "Install one (`apt-get install cron` or `dnf install cronie`), or let systemd start the runs: `install --on systemd`.",
    });
  }
}

/**
 * Calls the `crontab` program. Both of its streams are crontab text (`block.ts`).
 *
 * @param text last argument, as the path of a file with this text
 * @throws StoreError if the program cannot be started, or had to be stopped
 */
export type CallCrontab = (args: readonly string[], text?: string) => Promise<ProgramAnswer>;

/** Limits for a change of the crontab. */
const LIMITS: CallLimits = {
  answerMs: 60 * SECOND_MS,
  graceMs: 5 * SECOND_MS,
  // A Ctrl-C lets it finish what it writes.
  signalMs: 5 * SECOND_MS,
  // Debian's cron accepts 10,000 lines of 1,000 characters.
  mostBytes: 16 * 1024 * 1024,
};

/** Limits for commands that only look at the crontab and show something useful without it. */
export const LOOK_LIMITS: CallLimits = { ...LIMITS, answerMs: INSPECT_LIMIT_MS };

/**
 * The `crontab` program on the PATH.
 *
 * It prints English, because this program parses its messages. Debian's `crontab` hides the header that it writes above
 * each crontab, because CRONTAB_NOHEADER, which would show it, is removed: see crontab(1).
 */
export function crontabProgram({ env, signals }: Pick<Host, "env" | "signals">, limits = LIMITS): CallCrontab {
  const { CRONTAB_NOHEADER: _, ...rest } = env;
  const call: CallCrontab = (args) =>
    callProgram(["crontab", ...args], {
      env: { ...rest, LC_ALL: "C" },
      signals,
      limits,
      encoding: "latin1",
      hint: "Run `crontab -l` by hand: the program or the file system of its crontabs may hang.",
    }).catch((error) => {
      if (errorCode(error) === "ENOENT") throw new NoCrontabProgramError(env["PATH"]);
      throw error instanceof SchedError ? error : ioError("start", "crontab", error);
    });
  return (args, text) =>
    text === undefined
      ? call(args)
      : holdSignals(signals, () => withFile(text, (path) => call([...args, path])), { done: "nothing was changed" });
}

/** Hands the text to `use` as a file that only we can read. */
async function withFile<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  let directory: string | undefined;
  try {
    let path: string;
    try {
      directory = await mkdtemp(join(tmpdir(), "pipelinewise-sched-"));
      path = join(directory, "crontab");
      await writeFile(path, text, { encoding: "latin1", mode: 0o600, flag: "wx" });
    } catch (error) {
      throw ioError("write", directory ?? tmpdir(), error);
    }
    return await use(path);
  } finally {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }
}
