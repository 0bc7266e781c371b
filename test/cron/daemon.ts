import type { Cron } from "../../src/cron/expression.ts";

const MINUTE = 60_000;

/** The wall minute of a zone at each UTC minute of a period, from the fields that `Intl` formats. */
export function wallMinutes(zone: string, from: number, to: number): ReadonlyMap<number, number> {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  const walls = new Map<number, number>();
  for (let at = from; at < to; at += MINUTE) {
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0] = (format.format(at).match(/\d+/g) ?? []).map(Number);
    walls.set(at, Date.UTC(year, month - 1, day, hour, minute) / MINUTE);
  }
  return walls;
}

function matches(cron: Cron, wall: number): boolean {
  const date = new Date(wall * MINUTE);
  const byDay = cron.days.includes(date.getUTCDate());
  const byWeekday = cron.weekdays.includes(date.getUTCDay());
  return (
    cron.minutes.includes(date.getUTCMinutes()) &&
    cron.hours.includes(date.getUTCHours()) &&
    cron.months.includes(date.getUTCMonth() + 1) &&
    (cron.dayRule === "and" ? byDay && byWeekday : byDay || byWeekday)
  );
}

/**
 * The main loop of Debian's cron (3.0pl1) for one line, minute by minute, with the names of its source. It wakes at every
 * minute of the map and treats the first as handled.
 *
 * @returns every start, in order; a minute may be listed more than once
 */
export function daemonStarts(cron: Cron, walls: ReadonlyMap<number, number>): number[] {
  const starts: number[] = [];
  const findJobs = (at: number, wall: number, doWild: boolean, doNonWild: boolean): void => {
    const isWild = cron.class === "wildcard";
    if ((isWild ? doWild : doNonWild) && matches(cron, wall)) starts.push(at);
  };
  let virtualTime: number | undefined;
  for (const [at, timeRunning] of walls) {
    if (virtualTime === undefined) {
      virtualTime = timeRunning;
      continue;
    }
    const timeDiff = timeRunning - virtualTime;
    let wakeupKind = -1;
    if (timeDiff > -180) wakeupKind = 0;
    if (timeDiff > 0) wakeupKind = 1;
    if (timeDiff > 5) wakeupKind = 2;
    if (timeDiff > 180) wakeupKind = 3;
    switch (wakeupKind) {
      case 1:
        do findJobs(at, ++virtualTime, true, true);
        while (virtualTime < timeRunning);
        break;
      case 2:
        findJobs(at, timeRunning, true, false);
        do findJobs(at, ++virtualTime, false, true);
        while (virtualTime < timeRunning);
        break;
      case 0:
        findJobs(at, timeRunning, true, false);
        break;
      default:
        virtualTime = timeRunning;
        findJobs(at, virtualTime, true, true);
    }
  }
  return starts;
}
