import type { Cron } from "./expression.ts";
import { MONTH, WEEKDAY } from "./fields.ts";

const ALL_WEEKDAYS = [0, 1, 2, 3, 4, 5, 6];
/** The months of systemd-cron 1.15: October was forgotten. */
const OLD_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "nov", "dec"];

interface VersionReading {
  readonly who: string;
  readonly cron: Cron | undefined;
}

/**
 * A cron's text as systemd-cron's versions read it. All ask for both day fields, whatever they are, and take `@weekly`
 * for Monday.
 */
export function systemdReadings(cron: Cron): readonly VersionReading[] {
  if (cron.text.startsWith("@")) {
    const reading = cron.text === "@weekly" ? { ...cron, weekdays: [1] } : cron;
    return [{ who: "systemd-cron", cron: reading }];
  }
  return [
    { who: "systemd-cron 1.15", cron: oldReading(cron) },
    { who: "systemd-cron 2", cron: newReading(cron) },
  ];
}

/** 1.15 makes Python slices of items; one that is empty says nothing, and no weekday at all is every weekday. */
function oldReading(cron: Cron): Cron | undefined {
  const [, , , monthText = "", weekdayText = ""] = cron.text.split(/[ \t]+/);
  const months = slices(monthText, 1, MONTH.high, (word) => nameOrNumber(word, OLD_MONTHS, 1));
  const weekdays = slices(weekdayText, 0, WEEKDAY.high - 1, (word) => {
    const value = nameOrNumber(word, WEEKDAY.names, 0);
    return value === undefined ? undefined : value % 7;
  });
  if (months === undefined || months.length === 0) return undefined;
  return {
    ...cron,
    months,
    weekdays: weekdays === undefined || weekdays.length === 0 ? ALL_WEEKDAYS : weekdays,
    dayRule: "and",
  };
}

/** 2.x knows no names of months, and takes `sun` for every day. */
function newReading(cron: Cron): Cron | undefined {
  const [, , , monthText = "", weekdayText = ""] = cron.text.split(/[ \t]+/);
  if (/[a-z]/i.test(monthText)) return undefined;
  return { ...cron, weekdays: /sun/i.test(weekdayText) ? ALL_WEEKDAYS : cron.weekdays, dayRule: "and" };
}

/** The values of a field's items; `undefined` where one of them is garbled. */
function slices(
  text: string,
  low: number,
  high: number,
  readWord: (word: string) => number | undefined,
): readonly number[] | undefined {
  const values = new Set<number>();
  for (const item of text.split(",")) {
    const [range = "", step = "1"] = item.split("/");
    const [first = "", last = first] = range.split("-");
    const [start, end] = range === "*" ? [low, high] : [readWord(first), readWord(last)];
    if (start === undefined || end === undefined) return undefined;
    for (let value = start; value <= end; value += Number(step)) values.add(value);
  }
  return [...values].sort((one, other) => one - other);
}

function nameOrNumber(word: string, names: readonly string[], low: number): number | undefined {
  if (/^\d+$/.test(word)) return Number(word);
  const index = names.indexOf(word.slice(0, 3).toLowerCase());
  return index === -1 ? undefined : low + index;
}
