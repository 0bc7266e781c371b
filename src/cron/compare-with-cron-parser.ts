import { CronExpressionParser } from "cron-parser";
import { describeCron } from "./describe.ts";
import type { Cron } from "./expression.ts";
import { runTimes } from "./next-runs.ts";

/** Two readings of one text, in UTC, from the first day on which they part. Instants in epoch milliseconds. */
export interface TwoReadings {
  readonly library: { readonly words: string; readonly runs: readonly number[] };
  readonly cron: { readonly runs: readonly number[] };
}

/** Readings that part do so within weeks of the first run. */
const MOST_RUNS = 60;
const SHOWN = 2;

/**
 * Compares cron with cron-parser, on which most JavaScript tools are built. Only days are compared, because both read
 * minutes and hours alike. The library takes 5 MB: import this file lazily.
 *
 * @returns `undefined` if they agree or the library rejects the expression
 */
export function parseByLibrary(cron: Cron, from: Date): TwoReadings | undefined {
  // One run a day: that of the first minute of the first hour.
  const daily: Cron = { ...cron, minutes: cron.minutes.slice(0, 1), hours: cron.hours.slice(0, 1) };
  const [, , ...days] = cron.text.split(/[ \t]+/);
  const library = readByLibrary([daily.minutes[0], daily.hours[0], ...days].join(" "), from);
  if (library === undefined) return undefined;
  const own = runTimes(daily, { zone: "UTC", from: from.getTime() + 1, to: Number.POSITIVE_INFINITY });
  for (let count = 0; count < MOST_RUNS; count++) {
    const [ours, theirs] = [take(own), library.next()];
    if (ours === undefined || theirs === undefined) return undefined;
    if (ours === theirs) continue;
    const meant: Cron = { ...cron, dayRule: library.dayRule };
    return {
      library: { words: describeCron(meant), runs: [theirs, ...more(() => library.next())] },
      cron: { runs: [ours, ...more(() => take(own))] },
    };
  }
  return undefined;
}

const take = (times: Iterator<number, void>): number | undefined => times.next().value ?? undefined;

const more = (next: () => number | undefined): readonly number[] =>
  Array.from({ length: SHOWN - 1 }, next).filter((at) => at !== undefined);

function readByLibrary(text: string, from: Date) {
  try {
    const expression = CronExpressionParser.parse(text, { currentDate: from, tz: "UTC" });
    const { dayOfMonth, dayOfWeek } = expression.fields;
    const dayRule = dayOfMonth.isWildcard || dayOfWeek.isWildcard ? ("and" as const) : ("or" as const);
    return { dayRule, next: () => expression.next().getTime() };
  } catch {
    // The library has no specific error. A rejected expression is not a different reading.
    return undefined;
  }
}
