import { CronExpressionParser } from "cron-parser";
import { describeCron } from "./describe.ts";
import type { Cron } from "./expression.ts";
import { runTimes } from "./run-times.ts";

/**
 * The first days on which cron and cron-parser differ for one expression. Runs are in UTC, in epoch milliseconds.
 */
export interface CronParserDifference {
  readonly cronParser: { readonly description: string; readonly runs: readonly number[] };
  readonly cron: { readonly runs: readonly number[] };
}

/** If the two differ at all, they differ within weeks of the first run. */
const MOST_RUNS = 60;
const SHOWN = 2;

/**
 * Compares cron with cron-parser, which most JavaScript tools use. It compares days only, because both read minutes and
 * hours alike. Import this file lazily: the library takes 5 MB of memory.
 *
 * @returns `undefined` if they agree or the library rejects the expression
 */
export function compareWithCronParser(cron: Cron, from: Date): CronParserDifference | undefined {
  // One run a day is enough: the first minute of the first hour.
  const daily: Cron = { ...cron, minutes: cron.minutes.slice(0, 1), hours: cron.hours.slice(0, 1) };
  const [, , ...days] = cron.text.split(/[ \t]+/);
  const library = parseWithCronParser([daily.minutes[0], daily.hours[0], ...days].join(" "), from);
  if (library === undefined) return undefined;
  const own = runTimes(daily, { zone: "UTC", from: from.getTime() + 1, to: Number.POSITIVE_INFINITY });
  for (let count = 0; count < MOST_RUNS; count++) {
    const [ours, theirs] = [take(own), library.next()];
    if (ours === undefined || theirs === undefined) return undefined;
    if (ours === theirs) continue;
    const meant: Cron = { ...cron, dayRule: library.dayRule };
    return {
      cronParser: { description: describeCron(meant), runs: [theirs, ...more(() => library.next())] },
      cron: { runs: [ours, ...more(() => take(own))] },
    };
  }
  return undefined;
}

const take = (times: Iterator<number, void>): number | undefined => times.next().value ?? undefined;

const more = (next: () => number | undefined): readonly number[] =>
  Array.from({ length: SHOWN - 1 }, next).filter((at) => at !== undefined);

function parseWithCronParser(text: string, from: Date) {
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
