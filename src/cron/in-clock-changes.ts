import { MINUTE_MS } from "../time-units.ts";
import { type ClockChange, clockChanges } from "./clock-changes.ts";
import type { Cron } from "./expression.ts";
import { runTimes } from "./next.ts";
import { zoneClock } from "./zone-clock.ts";

/** cron takes a larger step for a correction: it makes nothing up and holds nothing back. */
const CORRECTION_MS = 180 * MINUTE_MS;
/** Smaller ones are a late wake-up, made up for all lines. */
const LATE_MS = 5 * MINUTE_MS;

/** Times of a cron that a zone's clocks skip, or show twice. */
export interface InClockChange {
  readonly change: ClockChange;
  /** What the clocks show, as if it were UTC, in epoch milliseconds. */
  readonly walls: readonly number[];
  readonly happens: "skipped" | "made up" | "once" | "twice";
}

/**
 * What becomes of a cron at the clock changes of its zone; one entry for each change that it meets.
 *
 * A wildcard cron of every hour meets none: it goes on in even steps, whatever the clocks show.
 */
export function findInClockChanges(
  cron: Cron,
  zone: string,
  { from, to }: { readonly from: number; readonly to: number },
): readonly InClockChange[] {
  if (cron.class === "wildcard" && cron.hours.length === 24) return [];
  return [...clockChanges(zoneClock(zone), from, to)].flatMap((change): readonly InClockChange[] => {
    const { at, before, after } = change;
    const span = { zone: "UTC", from: at + Math.min(before, after), to: at + Math.max(before, after) };
    const walls = [...runTimes(cron, span, "each-pass")];
    return walls.length === 0 ? [] : [{ change, walls, happens: whatHappens(cron, after - before) }];
  });
}

function whatHappens(cron: Cron, step: number): InClockChange["happens"] {
  const isFixed = cron.class === "fixed";
  if (step > 0) return step <= (isFixed ? CORRECTION_MS : LATE_MS) ? "made up" : "skipped";
  return isFixed && -step < CORRECTION_MS ? "once" : "twice";
}
