import { canonicalLines } from "../cron/canonical.ts";
import { type Cron, parseCron } from "../cron/expression.ts";
import { sameZone } from "../cron/same-zone.ts";
import { describeCron } from "../cron/words.ts";
import { zoneClock } from "../cron/zone-clock.ts";
import { type Horizon, zoneTable } from "../cron/zone-table.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { candidateTimes } from "./candidates.ts";
import { ownTimings, type Timing } from "./render.ts";

/** The machine that lines are for: the zone that its cron goes by, and for how long the lines shall hold. */
export interface ZoneFrame {
  readonly machineZone: string;
  readonly horizon: Horizon;
}

/** The pipeline's zone, where its clocks show another time than the machine's at any instant of the horizon. */
export function foreignZone({ timezone }: Pipeline, { machineZone, horizon }: ZoneFrame): string | undefined {
  if (timezone === undefined || sameZone(timezone, machineZone)) return undefined;
  const shown = (zone: string): string => JSON.stringify(zoneTable(zoneClock(zone), horizon));
  return shown(timezone) === shown(machineZone) ? undefined : timezone;
}

/** When a pipeline is started on a machine: plain lines in the machine's own zone, candidate lines in another. */
export function timingsIn(frame: ZoneFrame, pipeline: Pipeline): readonly Timing[] {
  const zone = foreignZone(pipeline, frame);
  if (zone === undefined) return ownTimings(pipeline);
  const zones = { own: zoneClock(zone), machine: zoneClock(frame.machineZone) };
  return pipeline.crons.map((cron) => {
    const times = candidateTimes([cron], zones, frame.horizon);
    const lines = times.length === 1 ? "a candidate line" : "candidate lines";
    return { about: `${cron.text} ${zone}: ${describeCron(cron)}; ${lines}, the run decides`, times };
  });
}

/** Whether the lines of a pipeline start it more often than it is due, so that an undue start is nothing to tell. */
export function isLoose(pipeline: Pipeline, frame: ZoneFrame): boolean {
  if (foreignZone(pipeline, frame) !== undefined) return true;
  const minutes = new Set<number>();
  for (const cron of pipeline.crons) {
    const [line, ...more] = canonicalLines(cron).map(parseCron);
    if (line === undefined || more.length > 0 || !sameTimes(line, cron)) return true;
    for (const minute of minutesOf(cron)) {
      if (minutes.has(minute)) return true;
      minutes.add(minute);
    }
  }
  return false;
}

const FIELDS = ["minutes", "hours", "days", "months", "weekdays"] as const;
const sameTimes = (one: Cron, other: Cron): boolean =>
  FIELDS.every((field) => one[field].join() === other[field].join());

/** Minutes of the day. */
const minutesOf = ({ minutes, hours }: Cron): readonly number[] =>
  hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute));
