import { EXIT, SchedError } from "../errors.ts";
import { DAY_MS, SECOND_MS } from "../time-units.ts";
import { MAX_DATE_MS, type OffsetInterval, type ZoneClock } from "./clock-handling.ts";
import { hasIntl } from "./zone-names.ts";

/** Transitions are searched and cached in chunks of this length. */
const CHUNK = 48 * DAY_MS;
/** No zone has changed twice within this time since 1970: the shortest pause is Boa Vista's week in 2000. */
const PROBE = 6 * DAY_MS;

const clocks = new Map<string, ZoneClock>();

/**
 * The clock of a zone. It caches its transitions for the life of the process.
 *
 * @throws SchedError for a zone that this Node does not know
 */
export function zoneClock(zone: string): ZoneClock {
  const known = clocks.get(zone);
  if (known !== undefined) return known;
  // UTC needs no zone data, and loading them is the slowest part of a start.
  const clock = /^(?:Etc\/)?UTC$/.test(zone) ? UTC : searchedClock(offsetReader(zone));
  clocks.set(zone, clock);
  return clock;
}

const FOREVER: OffsetInterval = { startAt: -MAX_DATE_MS, endAt: MAX_DATE_MS, offset: 0 };
const UTC: ZoneClock = { intervalAt: () => FOREVER };

function offsetFormat(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
  } catch (error) {
    if (hasIntl() && !(error instanceof RangeError)) throw error;
    throw new SchedError(`this Node's time zone data do not contain the zone ${zone}`, {
      exitCode: EXIT.badSchedule,
      cause: error,
      hint: "Check the name. If the zone is new, or this Node was built without full ICU data, use a newer or official Node build.",
    });
  }
}

/** The offset of a zone at any instant, by `Intl`: it writes "GMT", "GMT+05:30" or "GMT-00:44:30". */
function offsetReader(zone: string): (at: number) => number {
  const format = offsetFormat(zone);
  return (at) => {
    const parts = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(format.format(at));
    if (parts === null) throw new Error(`Intl shows the offset of ${zone} in an unknown format`);
    const [, sign, hours = "0", minutes = "0", seconds = "0"] = parts;
    const size = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * SECOND_MS;
    return sign === "-" ? -size : size;
  };
}

function searchedClock(offsetAt: (at: number) => number): ZoneClock {
  const chunks = new Map<number, readonly OffsetInterval[]>();
  const chunk = (index: number): readonly OffsetInterval[] => {
    const known = chunks.get(index);
    if (known !== undefined) return known;
    const intervals = searchIntervals(offsetAt, index * CHUNK, (index + 1) * CHUNK);
    chunks.set(index, intervals);
    return intervals;
  };
  return {
    intervalAt: (at) => {
      const found = chunk(Math.floor(at / CHUNK)).find(({ endAt }) => at < endAt);
      if (found === undefined) throw new RangeError(`${at} is not an instant`);
      return found;
    },
  };
}

function searchIntervals(offsetAt: (at: number) => number, from: number, to: number): readonly OffsetInterval[] {
  const intervals: OffsetInterval[] = [];
  let startAt = from;
  let offset = offsetAt(from);
  for (let probe = from; probe < to; probe += PROBE) {
    const next = offsetAt(probe + PROBE);
    if (next === offset) continue;
    const endAt = changeBetween(offsetAt, probe, probe + PROBE);
    // A change exactly at the end belongs to the next chunk.
    if (endAt === to) break;
    intervals.push({ startAt, endAt, offset });
    startAt = endAt;
    offset = next;
  }
  return [...intervals, { startAt, endAt: to, offset }];
}

/** The first second after `low` at which the offset differs from that at `low`. It differs at `high`. */
function changeBetween(offsetAt: (at: number) => number, low: number, high: number): number {
  const before = offsetAt(low);
  let same = low / SECOND_MS;
  let other = high / SECOND_MS;
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    if (offsetAt(middle * SECOND_MS) === before) same = middle;
    else other = middle;
  }
  return other * SECOND_MS;
}
