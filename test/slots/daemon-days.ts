import type { Cron } from "../../src/cron/expression.ts";
import { runTimes, startTimes } from "../../src/cron/run-times.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { tableClock, zoneTable } from "../../src/cron/zone-table.ts";
import { findDue } from "../../src/slots/due.ts";

export const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export interface Days {
  readonly from: number;
  readonly to: number;
}

/** A schedule, the lines that stand for it in a crontab, and the zone that its daemon goes by. */
export interface Block {
  readonly crons: readonly Cron[];
  readonly zone: string;
  readonly lines: readonly Cron[];
  readonly machineZone: string;
}

/** The days around every clock change of some zones, and three quiet ones, between two instants; no day twice. */
export function daysOfInterest(zones: readonly string[], { from, to }: Days): readonly Days[] {
  const quiet = { from: from + 10 * DAY, to: from + 13 * DAY };
  const changes = zones.flatMap((zone) => zoneTable(zoneClock(zone), { from, to }).map(([until]) => until));
  const around = changes.filter((at) => at < to).map((at) => ({ from: at - 8 * HOUR, to: at + 20 * HOUR }));
  const merged: Days[] = [];
  for (const days of [quiet, ...around].sort((one, other) => one.from - other.from)) {
    const last = merged.at(-1);
    if (last !== undefined && days.from <= last.to) merged[merged.length - 1] = { from: last.from, to: days.to };
    else merged.push(days);
  }
  return merged;
}

export const dueInstants = ({ crons, zone }: Block, { from, to }: Days): readonly number[] =>
  [...new Set(crons.flatMap((cron) => [...runTimes(cron, { zone, from, to })]))].sort((one, other) => one - other);

/**
 * Lets Debian's cron start the lines over some days and asks at each start what is due, as runs do: by a stored table of
 * offsets, and remembering what was handled.
 *
 * @param lateness of a start, in milliseconds, by its minute
 */
export function liveThrough(block: Block, days: Days, lateness: (at: number) => number) {
  const { crons, zone, lines, machineZone } = block;
  const clock = tableClock(zoneTable(zoneClock(zone), { from: days.from - 2 * DAY, to: days.to + DAY }));
  const arrivals = lines
    .flatMap((line) => [...startTimes(line, { zone: machineZone, ...days })])
    .map((at) => at + lateness(at))
    .sort((one, other) => one - other);
  const slots: number[] = [];
  let handled: number | undefined;
  for (const now of arrivals) {
    const due = findDue({ crons, clock, since: days.from, handled, now });
    if (due.kind === "too-late") throw new Error(`${new Date(due.slot).toISOString()} came too late`);
    if (due.kind !== "due") continue;
    slots.push(due.slot);
    handled = due.slot;
  }
  return { slots, starts: arrivals.length };
}
