import { constants } from "node:fs";
import { EXIT, EXIT_BY_SIGNAL, SchedError } from "../errors.ts";
import type { OutcomeKind, RunRecord } from "../history/record.ts";
import { entryOf } from "../history/store.ts";
import { entryLabel } from "../pipeline-id.ts";
import { open } from "../storage/fs.ts";
import { removeEscapeSequences } from "../text/control-characters.ts";
import { renderDuration } from "../text/format-time.ts";
import type { OutputOptions } from "./plan.ts";
import type { StopSignal } from "./process/stop-signals.ts";

/** The reason why the wrapper stops a pipeline. */
export type StopCause =
  | StopSignal
  /** `stop` asked for it. */
  | { readonly kind: "request"; readonly by: string; readonly reason: string | undefined }
  /** The pipeline reached its timeout. */
  | { readonly kind: "timeout"; readonly limitMs: number }
  | { readonly kind: "lock-lost"; readonly reason: string }
  /** An internal error: the wrapper can no longer supervise the pipeline. */
  | { readonly kind: "fault"; readonly reason: string };

/** The options that determine the exit code of `run`. */
type Caller = Pick<OutputOptions, "scheduled" | "skipExitCode">;

/** How a run ended, for the record, for the reader and for the caller. */
export interface Outcome {
  readonly kind: Exclude<OutcomeKind, "skipped" | "lost">;
  /** For the record: the pipeline's own exit code, or this program's if it stopped the pipeline. */
  readonly exitCode: number;
  /** Exit code of `run`. */
  readonly callerCode: number;
  /** Sentence fragment that follows the pipeline's name: `failed with exit code 1`. */
  readonly summary: string;
}

const SIGNAL_BASE = 128;
const STOPPED_BY_REQUEST = EXIT_BY_SIGNAL.SIGTERM;

/** The cause of a stop, as text. */
export function renderCause(cause: StopCause): string {
  if (cause.kind === "signal") return cause.signal;
  if (cause.kind === "timeout") return `its timeout of ${renderDuration(cause.limitMs)}`;
  if (cause.kind === "lock-lost" || cause.kind === "fault") return cause.reason;
  return cause.reason === undefined ? cause.by : `${cause.by} (${cause.reason})`;
}

/** Exit codes with which this program reports to a scheduler that a start was skipped, was stopped or has failed. */
const OURS: readonly number[] = [...Object.values(EXIT), ...Object.values(EXIT_BY_SIGNAL)];
const FAILURE = 1;

/**
 * The outcome of a pipeline that failed by itself. A scheduler would mistake some exit codes of the
 * pipeline for this program's own, such as those of a skip or a stop, which Airflow and systemd do not count as
 * failures. A scheduled start then ends with 1.
 */
function judgeFailure(code: number, { scheduled, skipExitCode }: Caller): Outcome {
  const callerCode = scheduled && (code === skipExitCode || OURS.includes(code)) ? FAILURE : code;
  const remarks = [
    ...(code > SIGNAL_BASE && code < SIGNAL_BASE + 65 ? [`signal ${code - SIGNAL_BASE}`] : []),
    ...(callerCode === code ? [] : [`passed on as ${callerCode}`]),
  ];
  const summary = `failed with exit code ${code}${remarks.length === 0 ? "" : ` (${remarks.join(", ")})`}`;
  return { kind: "failed", exitCode: code, callerCode, summary };
}

/** The outcome of a run that this program stopped. */
const stoppedWith = (kind: Outcome["kind"], exitCode: number, summary: string): Outcome => ({
  kind,
  exitCode,
  callerCode: exitCode,
  summary,
});

/**
 * The outcome of a run. A run that was asked to stop counts as stopped with any exit code, because nobody knows what it
 * did not finish.
 *
 * @param code exit code of the pipeline process, or 128 + n for signal n
 */
export function judgeEnd(code: number, cause: StopCause | undefined, caller: Caller): Outcome {
  switch (cause?.kind) {
    case "signal":
      return stoppedWith("stopped", EXIT_BY_SIGNAL[cause.signal], `was stopped by ${cause.signal}`);
    case "request":
      return stoppedWith("stopped", STOPPED_BY_REQUEST, `was stopped by ${renderCause(cause)}`);
    case "timeout":
      return stoppedWith("timed-out", EXIT.timedOut, `timed out (limit ${renderDuration(cause.limitMs)})`);
    case "lock-lost":
      return stoppedWith("lock-lost", EXIT.io, `was stopped because its lock was lost: ${cause.reason}`);
    case "fault":
      return stoppedWith("failed", EXIT.bug, `was stopped because of an error in pipelinewise-sched: ${cause.reason}`);
    case undefined:
      return code === 0
        ? { kind: "succeeded", exitCode: 0, callerCode: 0, summary: "succeeded" }
        : judgeFailure(code, caller);
  }
}

/** The exit code of a run whose pipeline could not be started. */
export const startFailureCode = (error: unknown): number => (error instanceof SchedError ? error.exitCode : EXIT.bug);

const TAIL_BYTES = 65_536;
const TAIL_LINES = 20;
const LINE_LENGTH = 500;

/**
 * The part of a line that a terminal shows at its end: a progress bar writes over itself after each carriage return.
 */
const lastState = (line: string): string => line.split("\r").findLast((part) => part !== "") ?? "";

/** The last lines of a text, with long lines cut, for a mail. */
export function lastLines(text: string, count = TAIL_LINES): readonly string[] {
  return text
    .split("\n")
    .map(lastState)
    .map((line) => (line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line))
    .filter((line, index, all) => line !== "" || index < all.length - 1)
    .slice(-count);
}

/**
 * The end of a file without escape sequences, which could split a secret. `undefined` if the file cannot be read, because a
 * report without it is still useful.
 */
export async function readTail(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const { size } = await file.stat();
      const length = Math.min(size, TAIL_BYTES);
      const text = removeEscapeSequences((await file.readAt(size - length, length)).toString("utf8"));
      // The first line may be a part of a line, in which a secret would not be recognised.
      return length < size ? text.slice(text.indexOf("\n") + 1) : text;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** The end of a run, as text. */
export interface RunEnding {
  /** Sentence fragment such as `failed with exit code 1`. */
  readonly summary: string;
  /**
   * Sentences after the outcome: for example, that PipelineWise ended while other processes of the pipeline continued.
   */
  readonly remarks: readonly string[];
}

/** One line about the end of a run whose output was shown. */
export function renderEnd(record: RunRecord, { summary, remarks }: RunEnding): string {
  const took = renderDuration(Date.parse(record.endedAt) - Date.parse(record.startedAt));
  const count = record.attempts?.length;
  const attempts = count === undefined ? "" : `${count} attempt${count === 1 ? "" : "s"} in `;
  const line = `pipelinewise-sched: ${entryLabel(entryOf(record))} ${summary} after ${attempts}${took}`;
  return [line, ...remarks].join("; ");
}

/** The end of a log, for cron's mail. @param tail `undefined` if the log cannot be read */
export function renderTail(tail: string | undefined): readonly string[] {
  if (tail === undefined) return ["  its log cannot be read"];
  const lines = lastLines(tail);
  return lines.length === 0 ? ["  it wrote nothing"] : ["  last lines:", ...lines.map((line) => `  | ${line}`)];
}

/** The report of a failure for cron's mail. */
export function renderReport(record: RunRecord, ending: RunEnding, tail: string | undefined): string {
  return [
    renderEnd(record, ending),
    `  host ${record.host}, started ${record.startedAt}, run ${record.id}`,
    ...(record.log === undefined ? [] : [`  log: ${record.log}`]),
    ...renderTail(tail),
    "",
  ].join("\n");
}
