/**
 * When Cronicle starts an event, by its own names: each list is all that matches, a list that is absent is "every", and
 * all of them must match, days and weekdays too. Weekdays are 0-6, 0 is Sunday.
 */
export interface CronicleTiming {
  readonly minutes?: readonly number[];
  readonly hours?: readonly number[];
  readonly days?: readonly number[];
  readonly months?: readonly number[];
  readonly weekdays?: readonly number[];
}

/** The lists of a timing, and how many values make each of them "every". */
export const TIMING_LISTS = [
  ["minutes", 60],
  ["hours", 24],
  ["days", 31],
  ["months", 12],
  ["weekdays", 7],
] as const satisfies readonly (readonly [keyof CronicleTiming, number])[];

/** A timing in one form: ascending, each value once, "every" left out. */
export function plainTiming(timing: CronicleTiming): CronicleTiming {
  const lists = TIMING_LISTS.flatMap(([list, all]) => {
    const values = [...new Set(timing[list] ?? [])].sort((a, b) => a - b);
    return values.length === 0 || values.length === all ? [] : [[list, values] as const];
  });
  return Object.fromEntries(lists);
}
