/** A command that a run starts before or after its pipeline. */
export interface Hook {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

/** The hooks of an entry, by the time at which a run starts them. */
export interface Hooks {
  /** Before the pipeline. If it fails, the pipeline is not started. */
  readonly before?: Hook | undefined;
  /** After each run that ended by itself. */
  readonly after?: Hook | undefined;
  readonly afterSuccess?: Hook | undefined;
  readonly afterFailure?: Hook | undefined;
}

/** The run policies of an entry. A policy that is absent does not apply. Durations are in milliseconds. */
export interface Policies {
  /** `false`: the entry is paused in the schedule file. */
  readonly enabled?: false | undefined;
  /** `false`: no alert is sent about the entry. */
  readonly alerts?: false | undefined;
  /** Longest time that the pipeline may run. */
  readonly timeoutMs?: number | undefined;
  /** A run that has been running for longer counts as overdue. It is not stopped. */
  readonly runningLongerThanMs?: number | undefined;
  /** The entry is late if its newest success is older than this. */
  readonly freshWithinMs?: number | undefined;
  /** After downtime, the newest slot that no start has handled is run if it is not older than this. */
  readonly catchUpMs?: number | undefined;
  /** Action of a start that finds its pipeline running. Absent: the start is skipped. */
  readonly onOverlap?: OverlapPolicy | undefined;
  /** Further attempts of a run that failed. */
  readonly retries?: RetryPolicy | undefined;
  readonly hooks?: Hooks | undefined;
}

export const RETRY_OUTCOMES = ["failed", "timed-out"] as const;

/** An attempt is repeated after one of these outcomes, or if it failed and the end of its output contains this text. */
type RetryCondition = (typeof RETRY_OUTCOMES)[number] | { readonly output: string };

export interface RetryPolicy {
  /** Number of attempts after the first. */
  readonly max: number;
  readonly delayMs: number;
  /** Each wait is longer than the one before by this factor. */
  readonly backoff: number;
  readonly maxDelayMs: number;
  readonly on: readonly RetryCondition[];
}

/** The wait before the next attempt. @param made number of attempts so far */
export const retryDelayMs = ({ delayMs, backoff, maxDelayMs }: RetryPolicy, made: number): number =>
  Math.min(maxDelayMs, Math.round(delayMs * backoff ** (made - 1)));

/** Most pipelines of a schedule that may run at once. Absent: not limited. */
export interface Limits {
  /** On each host. */
  readonly host?: number | undefined;
  /** In the cluster, by the id of their target. */
  readonly target: Readonly<Record<string, number>>;
  /** In the cluster, by the name of their source. */
  readonly source: Readonly<Record<string, number>>;
  /** Longest time that a start waits for its places. */
  readonly queueMs: number;
}

/** The start waits for the other run, or it stops that run and takes its place. */
export type OverlapPolicy = { readonly waitMs: number } | "replace";

/** How long files are kept. */
export interface KeptTimes {
  /** Logs of runs. The newest of each pipeline stay. */
  readonly logsMs: number;
  /** Months of the history, from their ends. */
  readonly historyMs: number;
  /** PipelineWise's own logs. Absent: they are not removed. */
  readonly pipelinewiseLogsMs?: number | undefined;
}

/** The limits of everything that a config directory keeps. */
export interface Retention extends KeptTimes {
  /** Largest log of a run, in bytes. */
  readonly logBytes: number;
}

/** A limit that applies to a start: to how many runs on its host, of its target, or of its source. */
export interface StartLimit {
  readonly kind: "host" | "target" | "source";
  /** Name of the host, the target or the source. */
  readonly name: string;
  /** Most runs at once. */
  readonly places: number;
}
