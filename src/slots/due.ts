import type { ZoneClock } from "../cron/clock-handling.ts";
import type { Times } from "../cron/expression.ts";
import { startsByClock } from "../cron/occurrences.ts";
import { renderDuration } from "../text/format-time.ts";
import { MINUTE_MS } from "../time-units.ts";

/**
 * The maximum age of a slot that a start runs, unless the entry catches up on older ones. Daemons are up to 5 minutes
 * late, and a machine may be busy.
 */
const LOOK_BACK_MS = 3_600_000;

/** A start that is later than this catches up on its slot. Until then, it may be the scheduler's own late start. */
export const CATCH_UP_AFTER_MS = 300_000;

/** The search for a slot begins with the newest span of this length. Each further span is longer by the factor. */
const FIRST_SPAN_MS = 300_000;
const SPAN_FACTOR = 8;

/** The times at which an entry is due. Instants are in epoch milliseconds. */
export interface DueTimes {
  readonly crons: readonly Times[];
  /** The clock of the time zone of the cron expressions. */
  readonly clock: ZoneClock;
  /** The time at which the entry was installed. Nothing before that minute is due. `undefined`: no limit. */
  readonly since: number | undefined;
}

/** The input of the decision about a scheduled start. */
export interface StartTimes extends DueTimes {
  /** Newest slot that was run or skipped. */
  readonly handled: number | undefined;
  readonly now: number;
  /** The maximum age of a slot that a start runs, by the policy `catch_up`; `undefined`: an hour. */
  readonly catchUpMs?: number | undefined;
}

/** The slot that a scheduled start stands for. */
export type Due =
  /** This slot is due and not handled. */
  | { readonly kind: "due"; readonly slot: number }
  /** The newest slot is handled: the line was started twice, or between due times. */
  | { readonly kind: "done"; readonly slot: number }
  /** Nobody handled this slot, and it is too old. */
  | { readonly kind: "too-late"; readonly slot: number }
  /** This slot was due recently, but before the install. */
  | { readonly kind: "before-install"; readonly slot: number }
  /** Nothing was due. */
  | { readonly kind: "none" };

/** How far a start looks back for its slot. */
const lookBackMs = ({ catchUpMs = 0 }: Pick<StartTimes, "catchUpMs">): number => Math.max(LOOK_BACK_MS, catchUpMs);

/** How far a start looks back, as text. */
export const lookBackText = ({ catchUpMs }: Pick<StartTimes, "catchUpMs">): string =>
  catchUpMs === undefined ? "hour" : renderDuration(lookBackMs({ catchUpMs }));

/**
 * Finds the slot of a scheduled start: the newest due instant up to now that is not handled, at most `lookBackMs` old.
 * The current minute alone is not enough, because cron may be late.
 */
export function findDue({ crons, clock, since, handled, now, catchUpMs }: StartTimes): Due {
  const after = newestKnown({ since, handled });
  const earliest = now - (after === undefined ? LOOK_BACK_MS : lookBackMs({ catchUpMs }));
  const recent = newestRun(crons, clock, { after: earliest - 1, upTo: now });
  const handledAt = handled ?? Number.NEGATIVE_INFINITY;
  if (recent !== undefined) {
    if (recent <= beginningOf(since)) return { kind: "before-install", slot: recent };
    return { kind: recent > handledAt ? "due" : "done", slot: recent };
  }
  if (after === undefined) return { kind: "none" };
  const missed = newestRun(crons, clock, { after, upTo: earliest - 1 });
  return missed === undefined ? { kind: "none" } : { kind: "too-late", slot: missed };
}

/** The number of due times before a slot that no start has handled. */
export function countMissed(times: StartTimes, slot: number): number {
  const after = newestKnown(times);
  return after === undefined ? 0 : dueBetween(times, { after, upTo: slot - 1 }).length;
}

/** The last instant before which nothing is missed; `undefined` if every earlier due time would count as missed. */
function newestKnown({ since, handled }: Pick<StartTimes, "since" | "handled">): number | undefined {
  const after = Math.max(beginningOf(since), handled ?? Number.NEGATIVE_INFINITY);
  return after === Number.NEGATIVE_INFINITY ? undefined : after;
}

/**
 * The due instant in the minute of `at`, which a scheduler gives that computes the times itself; `undefined` for none.
 */
export function dueInMinute({ crons, clock, since }: DueTimes, at: number): number | undefined {
  const minute = at - (at % MINUTE_MS);
  const found = newestRun(crons, clock, { after: minute - 1, upTo: minute + MINUTE_MS - 1 });
  return found !== undefined && found > beginningOf(since) ? found : undefined;
}

/**
 * The last instant at which the entry is not due. The minute of the install counts, because a daemon that loads a crontab at
 * the beginning of a minute starts that minute's lines.
 */
const beginningOf = (since: number | undefined): number =>
  since === undefined ? Number.NEGATIVE_INFINITY : since - (since % MINUTE_MS) - 1;

/** The newest due instant in (after, upTo]. Searches backward, in spans that become longer. */
function newestRun(
  crons: readonly Times[],
  clock: ZoneClock,
  { after, upTo }: { readonly after: number; readonly upTo: number },
): number | undefined {
  let to = upTo + 1;
  for (let length = FIRST_SPAN_MS; to > after + 1; length *= SPAN_FACTOR) {
    const from = Math.max(after + 1, to - length);
    let newest: number | undefined;
    for (const cron of crons) {
      for (const at of startsByClock(cron, clock, { from, to })) newest = Math.max(newest ?? at, at);
    }
    if (newest !== undefined) return newest;
    to = from;
  }
  return undefined;
}

/** Every due instant in (after, upTo], each once, in order. Epoch milliseconds. */
export function dueBetween(
  { crons, clock }: DueTimes,
  { after, upTo }: { readonly after: number; readonly upTo: number },
): readonly number[] {
  const found = new Set(crons.flatMap((cron) => [...startsByClock(cron, clock, { from: after + 1, to: upTo + 1 })]));
  return [...found].sort((one, other) => one - other);
}
