import type { Cron } from "./expression.ts";
import { DAY } from "./fields.ts";
import { parseField } from "./parse-field.ts";

const ALL_DAYS = Array.from({ length: 31 }, (_, index) => index + 1);
const ALL_WEEKDAYS = [0, 1, 2, 3, 4, 5, 6];

/**
 * A cron's text as busybox crond reads it.
 *
 * It counts the steps of a starred day from 0, which is no day. A weekday of 7 is beyond its end: it says so in its log and takes
 * every day. Where both day fields leave something out, either is enough.
 */
export function busyboxReading(cron: Cron): Cron {
  if (cron.text.startsWith("@")) return cron;
  const [, , dayText = "", , weekdayText = ""] = cron.text.split(/[ \t]+/);
  const weekdays = /(?:^|[,-])0*7(?![0-9])/.test(weekdayText) ? ALL_WEEKDAYS : cron.weekdays;
  const dayItems = dayText.split(",");
  const days = [...new Set(dayItems.flatMap(dayValues))].sort((one, other) => one - other);
  // 0 is left out by all but a bare star, so a list of all days counts as a restriction.
  const limitsDays = !dayItems.some((item) => /^\*(?:\/0*1)?$/.test(item));
  const limitsWeekdays = weekdays.length < ALL_WEEKDAYS.length;
  return {
    ...cron,
    days: limitsDays ? days : ALL_DAYS,
    weekdays,
    dayRule: limitsDays && limitsWeekdays ? "or" : "and",
  };
}

function dayValues(item: string): readonly number[] {
  const step = Number(/^\*\/(\d+)$/.exec(item)?.[1] ?? 1);
  return step === 1 ? parseField(item, DAY, 0) : ALL_DAYS.filter((day) => day % step === 0);
}
