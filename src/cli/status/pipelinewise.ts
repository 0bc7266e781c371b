import { execFile } from "node:child_process";
import { errorMessage } from "../../errors.ts";

/** One line of `pipelinewise status`, its eight columns as they stand there. */
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

/** PipelineWise's answer, or why there is none. */
export type PipelinewiseAnswer =
  | { readonly rows: readonly PipelinewiseRow[] }
  | { readonly rows: undefined; readonly why: string };

/** A start of PipelineWise takes one to three seconds; on a machine that is busy, more. */
const TIMEOUT_MS = 60_000;
const COLUMNS = 8;

/**
 * The rows of a text that `pipelinewise status` printed; `undefined` when it holds no such table. Log lines come before
 * it, and an empty cell is blanks, so cells are cut where the line of dashes has its gaps.
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

/** Asks PipelineWise itself. Never throws: what we know ourselves is worth showing without it. */
export function askPipelinewise(command: readonly string[], env: NodeJS.ProcessEnv): Promise<PipelinewiseAnswer> {
  const [program = "", ...words] = [...command, "status"];
  return new Promise((resolve) => {
    execFile(program, words, { env, timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
      const rows = parsePipelinewiseStatus(stdout);
      const why = error === null ? "it printed no table" : (errorMessage(error).split("\n")[0] ?? "");
      resolve(rows === undefined || error !== null ? { rows: undefined, why } : { rows });
    });
  });
}
