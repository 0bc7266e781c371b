import { startTimer } from "../../system/timer.ts";
import type { StopCause } from "../outcome.ts";

/** The time limit of one attempt. */
export interface Timeout {
  /** Resolves when the pipeline has reached its limit. */
  readonly first: Promise<StopCause>;
  readonly cancel: () => void;
}

/** Starts to count the time of a pipeline that was started now. @param limitMs `undefined`: no limit */
export function startTimeout(limitMs: number | undefined): Timeout {
  if (limitMs === undefined) return { first: new Promise(() => {}), cancel: () => {} };
  const { elapsed, cancel } = startTimer(limitMs);
  return { first: elapsed.then(() => ({ kind: "timeout", limitMs })), cancel };
}
