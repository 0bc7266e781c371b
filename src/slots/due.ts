import type { ZoneClock } from "../cron/clock-handling.ts";
import type { Times } from "../cron/expression.ts";
import { startsByClock } from "../cron/occurrences.ts";
import { MINUTE_MS } from "../time-units.ts";

/** The maximum age of a slot that a start runs. Daemons are up to 5 minutes late, and a machine may be busy. */
const LOOK_BACK_MS = 3_600_000;

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
}

/** The slot that a scheduled start stands for. */
export type Due =
  /** This slot is due and not handled. */
  | { readonly kind: "due"; readonly slot: number }
  /** The newest slot is handled: the line was started twice, or between due times. */
  | { readonly kind: "done"; readonly slot: number }
  /** Nobody handled this slot, and it is too old. */
  | { readonly kind: "too-late"; readonly slot: number }
  /** This slot was due in the last hour, but before the install. */
  | { readonly kind: "before-install"; readonly slot: number }
  /** Nothing was due. */
  | { readonly kind: "none" };

/**
 * Finds the slot of a scheduled start: the newest due instant up to now that is not handled, at most `LOOK_BACK_MS` old.
 * The current minute alone is not enough, because cron may be late.
 */
export function findDue({ crons, clock, since, handled, now }: StartTimes): Due {
  const recent = newestRun(crons, clock, { after: now - LOOK_BACK_MS - 1, upTo: now });
  const installedAt = beginningOf(since);
  const handledAt = handled ?? Number.NEGATIVE_INFINITY;
  if (recent !== undefined) {
    if (recent <= installedAt) return { kind: "before-install", slot: recent };
    return { kind: recent > handledAt ? "due" : "done", slot: recent };
  }
  // Without a limit, every earlier due time would count as missed.
  const after = Math.max(installedAt, handledAt);
  if (after === Number.NEGATIVE_INFINITY) return { kind: "none" };
  const missed = newestRun(crons, clock, { after, upTo: now - LOOK_BACK_MS - 1 });
  return missed === undefined ? { kind: "none" } : { kind: "too-late", slot: missed };
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
