import { errorMessage, InterruptedError } from "../../errors.ts";
import type { SignalSource } from "../../host.ts";
import { type CallLimits, callProgram, lastLine } from "../../system/call-program.ts";
import { SECOND_MS } from "../../time-units.ts";

/** One line of `pipelinewise status`, with its eight columns unchanged. */
export interface PipelinewiseRow {
  readonly tap: string;
  readonly tapType: string;
  readonly target: string;
  readonly targetType: string;
  readonly enabled: string;
  readonly status: string;
  readonly lastSync: string;
  readonly lastSyncResult: string;
}

/** The rows of `pipelinewise status`, or the reason why it failed. */
export type PipelinewiseStatus =
  | { readonly rows: readonly PipelinewiseRow[] }
  | { readonly rows: undefined; readonly reason: string };

/** PipelineWise starts in one to three seconds, and more slowly on a busy machine. */
const LIMITS: CallLimits = {
  answerMs: 15 * SECOND_MS,
  graceMs: 2 * SECOND_MS,
  signalMs: 0,
  mostBytes: 64 * 1024 * 1024,
};
const COLUMNS = 8;

/**
 * Parses the output of `pipelinewise status`; `undefined` if it contains no table. Log lines precede the table, and an
 * empty cell consists of blanks, so cells are cut at the gaps in the line of dashes.
 */
export function parsePipelinewiseStatus(text: string): readonly PipelinewiseRow[] | undefined {
  const lines = text.split("\n");
  const ruler = lines.findIndex((line) => /^-+( +-+)*\s*$/.test(line) && line.trim().split(/ +/).length === COLUMNS);
  const end = lines.findIndex((line, index) => index > ruler && /^\d+ pipeline\(s\)/.test(line));
  if (ruler < 1 || end === -1) return undefined;
  const starts = [...(lines[ruler] ?? "").matchAll(/-+/g)].map(({ index }) => index);
  return lines.slice(ruler + 1, end).map((line) => {
    const cell = (column: number) => line.slice(starts[column], starts[column + 1]).trim();
    return {
      tap: cell(0),
      tapType: cell(1),
      target: cell(2),
      targetType: cell(3),
      enabled: cell(4),
      status: cell(5),
      lastSync: cell(6),
      lastSyncResult: cell(7),
    };
  });
}

/**
 * Runs `pipelinewise status`. Does not throw if PipelineWise fails, because `status` is useful without PipelineWise's
 * columns.
 *
 * @throws InterruptedError after a signal
 */
export async function readPipelinewiseStatus(
  command: readonly string[],
  { env, signals }: { readonly env: NodeJS.ProcessEnv; readonly signals: SignalSource },
): Promise<PipelinewiseStatus> {
  const words = [...command, "status"];
  const fail = (reason: string): PipelinewiseStatus => ({ rows: undefined, reason });
  try {
    const { exitCode, signal, stdout, stderr } = await callProgram(words, { env, signals, limits: LIMITS });
    if (exitCode !== 0) {
      const said = lastLine(stderr);
      return fail(`${words.join(" ")} ended with ${signal ?? exitCode}${said === undefined ? "" : `: ${said}`}`);
    }
    const rows = parsePipelinewiseStatus(stdout);
    return rows === undefined ? fail("it printed no table") : { rows };
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    return fail(errorMessage(error));
  }
}
