import { constants } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { EXIT } from "../errors.ts";
import type { OutcomeKind, RunRecord } from "../history/record.ts";
import { entryOf } from "../history/store.ts";
import { entryLabel } from "../pipeline-id.ts";
import { open } from "../storage/fs.ts";
import { renderDuration } from "../text/format-time.ts";

/** The reason why the wrapper stops a pipeline. */
export type StopCause =
  | { readonly kind: "signal"; readonly signal: string; readonly number: number }
  /** `stop` asked for it. */
  | { readonly kind: "request"; readonly by: string; readonly why: string | undefined }
  | { readonly kind: "lock-lost"; readonly why: string }
  /** An internal error: the wrapper can no longer supervise the pipeline. */
  | { readonly kind: "fault"; readonly why: string };

/** How a run ended, for the record, for the reader and for the caller. */
export interface Outcome {
  readonly kind: Exclude<OutcomeKind, "skipped" | "lost">;
  /** Exit code of `run`. */
  readonly exitCode: number;
  /** Sentence fragment that follows the pipeline's name: `failed with exit code 1`. */
  readonly words: string;
}

const SIGNAL_BASE = 128;
/** The same exit code as after SIGTERM. */
const STOPPED_BY_REQUEST = SIGNAL_BASE + 15;

/** The cause of a stop, as text. */
export function causeWords(cause: StopCause): string {
  if (cause.kind === "signal") return cause.signal;
  if (cause.kind === "lock-lost" || cause.kind === "fault") return cause.why;
  return cause.why === undefined ? cause.by : `${cause.by} (${cause.why})`;
}

function failureWords(code: number): string {
  return code > SIGNAL_BASE && code < SIGNAL_BASE + 65
    ? `failed with exit code ${code} (signal ${code - SIGNAL_BASE})`
    : `failed with exit code ${code}`;
}

/**
 * The outcome of a run. A run that was asked to stop counts as stopped with any exit code, because nobody knows what it
 * did not finish.
 *
 * @param code exit code of the pipeline process, or 128 + n for signal n
 */
export function judgeEnd(code: number, cause: StopCause | undefined): Outcome {
  if (cause?.kind === "signal") {
    return {
      kind: "stopped",
      exitCode: SIGNAL_BASE + cause.number,
      words: `was stopped by ${cause.signal}`,
    };
  }
  if (cause?.kind === "request") {
    return { kind: "stopped", exitCode: STOPPED_BY_REQUEST, words: `was stopped by ${causeWords(cause)}` };
  }
  if (cause?.kind === "lock-lost") {
    return { kind: "lock-lost", exitCode: EXIT.io, words: `was stopped because its lock was lost: ${cause.why}` };
  }
  if (cause?.kind === "fault") {
    const words = `was stopped because of an error in pipelinewise-sched: ${cause.why}`;
    return { kind: "failed", exitCode: EXIT.bug, words };
  }
  if (code === 0) return { kind: "succeeded", exitCode: 0, words: "succeeded" };
  return { kind: "failed", exitCode: code, words: failureWords(code) };
}

const TAIL_BYTES = 65_536;
const TAIL_LINES = 20;
const LINE_LENGTH = 500;

/** The last lines of a text, made fit for a mail: no control sequences, no endless lines. */
export function lastLines(text: string, count = TAIL_LINES): readonly string[] {
  return stripVTControlCharacters(text)
    .split("\n")
    .map((line) => line.replace(/\r$/, ""))
    .map((line) => (line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line))
    .filter((line, index, all) => line !== "" || index < all.length - 1)
    .slice(-count);
}

/** The end of a file; `undefined` when it cannot be read: a report without it is still worth sending. */
export async function readTail(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const { size } = await file.stat();
      const length = Math.min(size, TAIL_BYTES);
      return (await file.readAt(size - length, length)).toString("utf8");
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/**
 * One line about the end of a run whose output was shown.
 *
 * @param words how it ended, such as `failed with exit code 1`
 */
export function renderEnd(record: RunRecord, words: string): string {
  const took = renderDuration(Date.parse(record.endedAt) - Date.parse(record.startedAt));
  return `pipelinewise-sched: ${entryLabel(entryOf(record))} ${words} after ${took}`;
}

/** The report of a failure for cron's mail. */
export function renderReport(record: RunRecord, words: string, tail: string | undefined): string {
  const lines = tail === undefined ? undefined : lastLines(tail);
  const output =
    lines === undefined
      ? ["  its log cannot be read"]
      : lines.length === 0
        ? ["  it wrote nothing"]
        : ["  last lines:", ...lines.map((line) => `  | ${line}`)];
  return [
    renderEnd(record, words),
    `  host ${record.host}, started ${record.startedAt}, run ${record.id}`,
    ...(record.log === undefined ? [] : [`  log: ${record.log}`]),
    ...output,
    "",
  ].join("\n");
}
