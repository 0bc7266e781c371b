import { EXIT } from "../errors.ts";
import type { OutcomeKind } from "../history/record.ts";

/** Why we stop a pipeline before it has ended by itself. */
export type StopCause =
  | { readonly kind: "signal"; readonly signal: string; readonly number: number }
  /** `stop` asked for it. */
  | { readonly kind: "request"; readonly by: string; readonly why: string | undefined }
  | { readonly kind: "lock-lost"; readonly why: string }
  /** Something failed on our side, so that nobody could stay with it. */
  | { readonly kind: "fault"; readonly why: string };

/** How a run ended, for the record, for the reader and for the caller. */
export interface Outcome {
  readonly kind: Exclude<OutcomeKind, "skipped" | "lost">;
  /** What `run` ends with. */
  readonly exitCode: number;
  /** As it reads behind the pipeline's name: `failed with exit code 1`. */
  readonly words: string;
}

const SIGNAL_BASE = 128;
/** As SIGTERM would have ended it. */
const STOPPED_BY_REQUEST = SIGNAL_BASE + 15;

/** Who or what stopped a run. */
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
 * What became of a run. Who was told to stop counts as stopped however it ended: what it did not get to do is unknown.
 *
 * @param code the child's own, or 128 + n for signal n
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
    const words = `was stopped because of a fault in pipelinewise-sched itself: ${cause.why}`;
    return { kind: "failed", exitCode: EXIT.bug, words };
  }
  if (code === 0) return { kind: "succeeded", exitCode: 0, words: "succeeded" };
  return { kind: "failed", exitCode: code, words: failureWords(code) };
}
