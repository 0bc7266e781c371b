import { DEFAULT_COMMAND, type EntryId, type PipelineId } from "../pipeline-id.ts";
import { type Hook, type Limits, type Policies, retryDelayMs } from "../policies.ts";
import { renderDuration } from "../text/format-time.ts";
import { MINUTE_MS } from "../time-units.ts";

/** Time for a stop after a timeout: it takes at most 45 s, and messages round to minutes. */
const STOP_MS = MINUTE_MS;

/** The parts of an entry that decide how long its starts may take. */
export interface TimedEntry {
  readonly target: string;
  readonly source?: string | undefined;
  readonly policies?: Policies | undefined;
}

/** Longest time that a start of an entry waits for a place, in milliseconds. */
function longestQueueMs({ target, source = "" }: TimedEntry, limits: Limits | undefined): number {
  if (limits === undefined) return 0;
  const apply = [limits.host, limits.target[target], limits.source[source]];
  return apply.some((limit) => limit !== undefined) ? limits.queueMs : 0;
}

/**
 * Longest time that one start of an entry may take by its policies and the limits, in milliseconds; `undefined` if
 * the pipeline may run for ever. Ignores that no attempt starts after the next due time.
 */
export function longestStartMs(entry: TimedEntry, limits: Limits | undefined): number | undefined {
  const { timeoutMs, retries, hooks = {}, onOverlap } = entry.policies ?? {};
  if (timeoutMs === undefined) return undefined;
  const delays = Array.from({ length: retries?.max ?? 0 }, (_, made) =>
    retries ? retryDelayMs(retries, made + 1) : 0,
  );
  const ofHook = (hook: Hook | undefined): number => (hook === undefined ? 0 : hook.timeoutMs + STOP_MS);
  const parts = [
    onOverlap === "replace" ? STOP_MS : (onOverlap?.waitMs ?? 0),
    longestQueueMs(entry, limits),
    ofHook(hooks.before),
    (delays.length + 1) * (timeoutMs + STOP_MS),
    ...delays,
    Math.max(ofHook(hooks.afterSuccess), ofHook(hooks.afterFailure)),
    ofHook(hooks.after),
  ];
  return parts.reduce((sum, ms) => sum + ms);
}

/** An entry, and the pipelines after which it runs. */
export type FollowingEntry = EntryId & TimedEntry & { readonly after?: readonly PipelineId[] | undefined };

/** The entries of a schedule, and its limits. */
export interface TimedSchedule {
  readonly entries: readonly FollowingEntry[];
  readonly limits?: Limits | undefined;
}

const isPair = (one: PipelineId, other: PipelineId): boolean => one.tap === other.tap && one.target === other.target;

/**
 * Longest time of a start of an entry and of the entries that it starts at its end, which run at the same time. A start
 * without a limit adds nothing. `after` has no cycles.
 */
export function longestWithFollowersMs(entry: FollowingEntry, schedule: TimedSchedule): number {
  const { entries, limits } = schedule;
  const followers =
    entry.command === DEFAULT_COMMAND ? entries.filter(({ after }) => after?.some((one) => isPair(one, entry))) : [];
  const longest = Math.max(0, ...followers.map((one) => longestWithFollowersMs(one, schedule)));
  return (longestStartMs(entry, limits) ?? 0) + longest;
}

/** A time limit that a user has set in a scheduler. */
interface ForeignLimit {
  /** Names it at the beginning of a sentence: "The timeout of the event orders in Cronicle". */
  readonly what: string;
  readonly ms: number;
  /** Hint in the imperative that says how to set it. */
  readonly remedy: string;
}

/**
 * The warning about a time limit in a scheduler that would stop a start that our policies allow; `undefined` if it is
 * long enough.
 */
export function shortLimitWarning(
  { what, ms, remedy }: ForeignLimit,
  entry: FollowingEntry,
  schedule: TimedSchedule,
): string | undefined {
  const longest = longestWithFollowersMs(entry, schedule);
  if (ms > longest) return undefined;
  return `${what} is ${renderDuration(ms)}, but a start may take ${renderDuration(longest)} by its run policies. Such a run would be recorded as stopped. ${remedy}`;
}
