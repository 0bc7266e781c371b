import { clockChanges } from "../../cron/clock-changes.ts";
import type { Cron } from "../../cron/expression.ts";
import { clockContact } from "../../cron/near-clock-changes.ts";
import type { ZoneClock } from "../../cron/segment.ts";
import { utcCandidates } from "../../cron/utc-candidates.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import type { Horizon } from "../../cron/zone-table.ts";
import { type AirflowTimes, isSaid, renderCron } from "./cron-text.ts";

/** By what Airflow starts a pipeline. */
export interface AirflowStarts {
  /** As Airflow reads them; a minute that two of them name is one start, or the second finds the first. */
  readonly crons: readonly string[];
  /** IANA name of the zone that they are meant in. */
  readonly timezone: string;
  /**
   * - `exact`: the pipeline's own times, and nothing else;
   * - `surplus`: in its own zone, and now and then when nothing is due;
   * - `candidates`: the minutes of UTC at which something may be due.
   */
  readonly kind: "exact" | "surplus" | "candidates";
}

/** A pipeline's times, in the zone that they are meant in. */
export interface ZonedCrons {
  readonly crons: readonly Cron[];
  readonly zone: string;
}

/**
 * By which crons Airflow starts a pipeline whenever it is due; what it starts besides, the run turns away.
 *
 * Airflow reads crons by croniter, and goes its own ways with them when clocks change (measured with 2.11 and 3.3): so a
 * pipeline keeps its zone where the two agree, and is started by candidates in UTC where they do not. A DAG has one zone,
 * so that one cron that cannot keep it takes the pipeline's others along.
 */
export function airflowStarts({ crons, zone }: ZonedCrons, horizon: Horizon): AirflowStarts {
  const clock = zoneClock(zone);
  const fits = crons.map((cron) => fitOf(cron, clock, horizon));
  if (fits.includes("unfit")) {
    return { crons: textsOf(utcCandidates(crons, clock, horizon)), timezone: "UTC", kind: "candidates" };
  }
  return { crons: textsOf(crons), timezone: zone, kind: fits.includes("surplus") ? "surplus" : "exact" };
}

const textsOf = (times: readonly AirflowTimes[]): readonly string[] => [
  ...new Set(times.flatMap((one) => renderCron(one) ?? [])),
];

type Fit = "exact" | "surplus" | "unfit";

function fitOf(cron: Cron, clock: ZoneClock, horizon: Horizon): Fit {
  const fit = fitToClock(cron, clock, horizon);
  return fit === "exact" && !isSaid(cron) ? "surplus" : fit;
}

/**
 * What Airflow makes of a cron when clocks change. With an hour of `*` it counts on in UTC, from each start to the next:
 * right as long as no pause between two starts is longer than what the clocks skip. With hours it goes by what the clocks
 * show, and is right as long as that stands apart from every change.
 */
function fitToClock(cron: Cron, clock: ZoneClock, horizon: Horizon): Fit {
  if (clockChanges(clock, horizon.from - 1, horizon.to).next().done === true) return "exact";
  const contact = clockContact(cron, clock, horizon);
  if (cron.hours.length < 24) return contact === "inside" ? "unfit" : "exact";
  const { days, months, weekdays } = cron;
  const isEveryDay = days.length === 31 && months.length === 12 && weekdays.length === 7;
  if (!isEveryDay || cron.class === "fixed") return "unfit";
  // A clock that changes by half an hour makes it start once too often.
  return contact === "inside" ? "surplus" : "exact";
}
