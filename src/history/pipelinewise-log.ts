import type { PipelineId } from "../pipeline-id.ts";

/** A log that PipelineWise writes, by its name. */
export interface PipelineWiseLog {
  readonly name: string;
  /** When the run began, in epoch milliseconds. The logs of one run have the same time. */
  readonly at: number;
  /** `singer`, `fastsync` and others. */
  readonly kind: string;
  readonly state: string;
}

/** `<target>-<tap>-<YYYYmmdd_HHMMSS>.<kind>.log.<state>`. A run may have one of each kind. */
const LOG = /^(.*)-(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)\.([a-z_]+)\.log\.(running|success|failed|terminated)$/;
/** Kinds of logs that `run_tap` does not write. */
const OTHER_KINDS = /^(partial_?sync|data_?diff.*)$/;

/** Parses the name of a log of a pipeline; `undefined` for every other name. */
export function parsePipelineWiseLog(name: string, { tap, target }: PipelineId): PipelineWiseLog | undefined {
  const [, prefix, year, month, day, hour, minute, second, kind = "", state = ""] = LOG.exec(name) ?? [];
  if (prefix !== `${target}-${tap}`) return undefined;
  const at = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  return { name, at, kind, state };
}

/** When the newest `run_tap` began that succeeded according to its logs. */
export function newestSuccess(logs: Iterable<PipelineWiseLog>): number | undefined {
  /** By its beginning, whether all logs of a run have succeeded. One `run_tap` may write two. */
  const runs = new Map<number, boolean>();
  for (const { at, kind, state } of logs) {
    if (!OTHER_KINDS.test(kind)) runs.set(at, (runs.get(at) ?? true) && state === "success");
  }
  let newest: number | undefined;
  for (const [at, succeeded] of runs) if (succeeded && at > (newest ?? Number.NEGATIVE_INFINITY)) newest = at;
  return newest;
}
