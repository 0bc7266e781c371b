import { candidateMinutes, type ZonePair } from "../cron/candidate-minutes.ts";
import type { Cron } from "../cron/expression.ts";
import type { Horizon } from "../cron/zone-table.ts";

const HOUR_MINUTES = 60;

/**
 * The time fields of lines by which a cron in the machine's zone starts an entry whenever it is due in its own, and
 * sometimes when it is not: the run decides.
 *
 * Day, month and weekday stay open, as a day there is not a day here. Every line is of the wildcard class, its minute or
 * hour beginning with a star: the machine's own clock changes would move a fixed line, or eat it.
 */
export function candidateTimes(crons: readonly Cron[], zones: ZonePair, horizon: Horizon): readonly string[] {
  const wanted = new Set(candidateMinutes(crons, zones, horizon));
  const hoursOf = new Map<string, number[]>();
  for (let hour = 0; hour < 24; hour++) {
    const minutes = Array.from({ length: HOUR_MINUTES }, (_, minute) => minute).filter((minute) =>
      wanted.has(hour * HOUR_MINUTES + minute),
    );
    if (minutes.length === 0) continue;
    const field = renderMinutes(minutes);
    hoursOf.set(field, [...(hoursOf.get(field) ?? []), hour]);
  }
  return [...hoursOf].map(([minutes, hours]) => `${minutes} ${renderHours(hours, minutes)} * * *`);
}

/** As a step where that says the same, else every one. */
function renderMinutes(minutes: readonly number[]): string {
  if (minutes.length === HOUR_MINUTES) return "*";
  const [first, step = HOUR_MINUTES] = minutes;
  const even = Math.ceil(HOUR_MINUTES / step) === minutes.length && minutes.every((one, index) => one === index * step);
  return first === 0 && even && minutes.length > 1 ? `*/${step}` : minutes.join(",");
}

/** Begins with a star unless the minutes do. */
function renderHours(hours: readonly number[], minutes: string): string {
  if (hours.length === 24) return "*";
  if (minutes.startsWith("*")) return hours.join(",");
  // Only 0 and 23: a step of 24 would be 0 alone, but cronie 1.5 refuses it.
  return ["*/23", ...hours.filter((hour) => hour !== 0 && hour !== 23)].join(",");
}
