import type { ZoneClock } from "../cron/clock-handling.ts";
import type { Times } from "../cron/expression.ts";
import { startsByClock } from "../cron/occurrences.ts";
import { MINUTE_MS } from "../time-units.ts";

/** A start stands for no slot that lies further back. Daemons are up to 5 minutes late, and a machine may be busy. */
const LOOK_BACK_MS = 3_600_000;

/** The search for a slot begins with so long a span, and goes on with one so many times as long. */
const FIRST_LOOK_MS = 300_000;
const LONGER = 8;

/** When an entry is due. Instants in epoch milliseconds. */
export interface DueTimes {
  readonly crons: readonly Times[];
  /** Of the zone that the crons are meant in. */
  readonly clock: ZoneClock;
  /** When the entry was installed: nothing before that minute is due. `undefined`: it always stood. */
  readonly since: number | undefined;
}

/** What is known when a scheduler starts an entry. */
export interface Tick extends DueTimes {
  /** Newest slot that was run or skipped. */
  readonly handled: number | undefined;
  readonly now: number;
}

/** What a start stands for. */
export type Due =
  /** This slot: run it. */
  | { readonly kind: "due"; readonly slot: number }
  /** A slot that was handled already: the line was started twice, or at an hour of its own. */
  | { readonly kind: "done"; readonly slot: number }
  /** Nobody handled this slot, and it is too old by now. */
  | { readonly kind: "too-late"; readonly slot: number }
  /** Nothing was due. */
  | { readonly kind: "none" };

/**
 * Which slot a scheduled start is to run: the newest due instant up to now that is not handled, looking back
 * `LOOK_BACK_MS`. Never the current minute alone: cron may be late.
 */
export function findDue({ crons, clock, since, handled, now }: Tick): Due {
  const recent = newestRun(crons, clock, { after: now - LOOK_BACK_MS - 1, upTo: now });
  const installedAt = beginningOf(since);
  const handledAt = handled ?? Number.NEGATIVE_INFINITY;
  if (recent !== undefined) {
    if (recent <= installedAt) return { kind: "none" };
    return { kind: recent > handledAt ? "due" : "done", slot: recent };
  }
  // Without a beginning there is no telling what was missed.
  const after = Math.max(installedAt, handledAt);
  if (after === Number.NEGATIVE_INFINITY) return { kind: "none" };
  const missed = newestRun(crons, clock, { after, upTo: now - LOOK_BACK_MS - 1 });
  return missed === undefined ? { kind: "none" } : { kind: "too-late", slot: missed };
}

/**
 * The due instant in the minute of `at`, as a scheduler names it that has its own list of times; `undefined` for none.
 */
export function dueInMinute({ crons, clock, since }: DueTimes, at: number): number | undefined {
  const minute = at - (at % MINUTE_MS);
  const found = newestRun(crons, clock, { after: minute - 1, upTo: minute + MINUTE_MS - 1 });
  return found !== undefined && found > beginningOf(since) ? found : undefined;
}

/**
 * Nothing up to here is due: a daemon that loads a crontab in the very second of its tick starts that minute's lines.
 */
const beginningOf = (since: number | undefined): number =>
  since === undefined ? Number.NEGATIVE_INFINITY : since - (since % MINUTE_MS) - 1;

/** The newest due instant in (after, upTo], looked for in ever longer spans backward. */
function newestRun(
  crons: readonly Times[],
  clock: ZoneClock,
  { after, upTo }: { readonly after: number; readonly upTo: number },
): number | undefined {
  let to = upTo + 1;
  for (let length = FIRST_LOOK_MS; to > after + 1; length *= LONGER) {
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
