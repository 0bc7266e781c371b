import { spawn } from "node:child_process";
import { errorMessage } from "../../errors.ts";

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

/** The rows of `pipelinewise status`, or the reason why there are none. */
export type PipelinewiseAnswer =
  | { readonly rows: readonly PipelinewiseRow[] }
  | { readonly rows: undefined; readonly why: string };

/** PipelineWise takes one to three seconds to start, and longer on a busy machine. */
const TIMEOUT_MS = 60_000;
const COLUMNS = 8;
const LONGEST_OUTPUT = 64 * 1024 * 1024;

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
 * Asks PipelineWise itself. Never throws: our own part of the status is worth showing without it.
 *
 * PipelineWise gets a session of its own: where root has become the owner of the config directory, a program of that user
 * must not be able to type into root's terminal.
 */
export function askPipelinewise(command: readonly string[], env: NodeJS.ProcessEnv): Promise<PipelinewiseAnswer> {
  const [program = "", ...words] = [...command, "status"];
  return new Promise((resolve) => {
    const child = spawn(program, words, {
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        output[stream] = (output[stream] + text).slice(-LONGEST_OUTPUT);
      });
    }
    const fail = (why: string) => resolve({ rows: undefined, why });
    child.once("error", (error) => fail(errorMessage(error)));
    child.once("close", (code, signal) => {
      const rows = parsePipelinewiseStatus(output.stdout);
      const shown = [program, ...words].join(" ");
      if (code !== 0) {
        const lastLine = output.stderr.trim().split("\n").at(-1) ?? "";
        fail(`${shown} ended with ${signal ?? code}${lastLine === "" ? "" : `: ${lastLine}`}`);
      } else if (rows === undefined) fail("it printed no table");
      else resolve({ rows });
    });
  });
}
