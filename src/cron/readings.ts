import { DAEMONS, type Daemon } from "./daemons.ts";
import type { Cron } from "./expression.ts";
import { busyboxReading } from "./read-busybox.ts";
import { systemdReadings } from "./read-systemd.ts";

/** What some daemon makes of a text that Debian's cron takes. */
export interface Reading {
  readonly daemon: Daemon;
  /** The daemon, and which of its versions where they differ. */
  readonly who: string;
  /** `undefined`: it refuses the line, or drops it. */
  readonly cron: Cron | undefined;
}

const MINUTE_MAX = 59;
/** The largest step that cronie 1.5.5 to 1.5.7 takes in each field. */
const LARGEST_STEPS = [MINUTE_MAX, 23, 31, 12, 7];

/**
 * How a daemon reads a text as it was typed, by its sources (cronie 1.5-1.7, busybox 1.35, systemd-cron 1.15 and 2.8).
 * Not what our own lines are read as: those are read alike by all (`canonicalLines`).
 */
export function readingsOf(daemon: Daemon, cron: Cron): readonly Reading[] {
  switch (daemon) {
    case "debian":
      return [{ daemon, who: "Debian cron", cron }];
    case "cronie":
      return [
        { daemon, who: "cronie", cron },
        { daemon, who: "cronie 1.5.5 to 1.5.7", cron: takesSteps(cron) ? cron : undefined },
      ];
    case "busybox":
      return [{ daemon, who: "busybox crond", cron: busyboxReading(cron) }];
    case "systemd":
      return systemdReadings(cron).map((reading) => ({ daemon, ...reading }));
  }
}

/** The readings that would start the line at other times than Debian's cron does. */
export const otherReadings = (cron: Cron): readonly Reading[] =>
  DAEMONS.flatMap((daemon) => readingsOf(daemon, cron)).filter((other) => !isSameTime(cron, other.cron));

const takesSteps = ({ text }: Cron): boolean =>
  text.startsWith("@") ||
  text
    .split(/[ \t]+/)
    .every((field, index) =>
      [...field.matchAll(/\/(\d+)/g)].every(([, step]) => Number(step) <= (LARGEST_STEPS[index] ?? 0)),
    );

/** Whether two crons name the same minutes, all clock changes aside. */
function isSameTime(one: Cron, other: Cron | undefined): boolean {
  if (other === undefined) return false;
  const plain = ({ minutes, hours, months }: Cron): string => JSON.stringify([minutes, hours, months]);
  return plain(one) === plain(other) && daysOf(one) === daysOf(other);
}

/** Every pair of a day of the month and a weekday, as a map of who fires on which. */
function daysOf({ days, weekdays, dayRule }: Cron): string {
  let map = "";
  for (let day = 1; day <= 31; day++) {
    for (let weekday = 0; weekday <= 6; weekday++) {
      const [byDay, byWeekday] = [days.includes(day), weekdays.includes(weekday)];
      map += (dayRule === "or" ? byDay || byWeekday : byDay && byWeekday) ? "1" : "0";
    }
  }
  return map;
}
