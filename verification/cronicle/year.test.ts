import { expect, test } from "vitest";
import type { ZoneClock } from "../../src/cron/clock-handling.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { plannedRuns } from "../../src/preview/upcoming.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { type CronicleEvent, pipelineEvents } from "../../src/schedulers/cronicle/event.ts";
import { cronicleZone } from "../../src/schedulers/cronicle/time-zones.ts";
import { dueInMinute } from "../../src/slots/due.ts";
import { frame, pipeline } from "../../test/schedulers/cronicle/values.ts";
import { describeOnCronicle, loadMatcher, type OwnMatcher } from "./installed.ts";

const MINUTE = 60_000;
const SPAN = { from: Date.parse("2026-11-24T00:00Z"), to: Date.parse("2027-11-24T00:00Z") };

const CRONS = [
  "0 2 * * *",
  "30 1,2,3 * * *",
  "*/15 0-4 * * *",
  "0 0 1,15 * 5",
  "45 23 */2 * 0",
  "7 3 28-31 3,10,11 *",
  "0 */6 * * 1-5",
];
/** Cronicle has the first three right, the fourth by another name, and the last three not at all. */
const ZONES = [
  "Europe/London",
  "America/New_York",
  "Australia/Lord_Howe",
  "Europe/Kyiv",
  "Africa/Cairo",
  "America/Nuuk",
  "America/Mexico_City",
];

describeOnCronicle("a year by its own matcher", (installed) => {
  const matcher = loadMatcher(installed);

  test("uses the time zones of the events as this program predicts", () => {
    const wrong = Intl.supportedValuesOf("timeZone").filter((zone) => {
      const told = cronicleZone(zone);
      return told !== undefined && !readsAlike(matcher, told, zoneClock(zone));
    });
    expect(wrong).toEqual([]);
  });

  test.each(ZONES)("%s: what it starts, and the run finds due, is what the preview says", (timezone) => {
    const pipelines = CRONS.map((cron, index) => pipeline(cron, { tap: `t${index}`, timezone }));
    const foreseen = new Map<Pipeline, number[]>(pipelines.map((one) => [one, []]));
    for (const run of plannedRuns({ pipelines }, { machineZone: "UTC", ...SPAN }))
      foreseen.get(run.pipeline)?.push(run.at);
    const started = startsOf(pipelines, matcher);
    const clock = zoneClock(timezone);
    for (const [one, runs] of foreseen) {
      const due = (started.get(one) ?? []).filter(
        (at) => dueInMinute({ crons: one.crons, clock, since: undefined }, at) === at,
      );
      expect([one.crons[0]?.text, due]).toEqual([one.crons[0]?.text, runs]);
    }
  });
});

/** Whether its zone data have the same clock until the end of 2029: at each change, and just before the next one. */
function readsAlike(matcher: OwnMatcher, name: string, clock: ZoneClock): boolean {
  for (let at = SPAN.from; at < Date.parse("2030-01-01"); ) {
    const { offset, endAt } = clock.intervalAt(at);
    const last = Math.min(endAt, Date.parse("2030-01-01")) - MINUTE;
    for (let seen = at; seen <= last; seen = seen === last ? endAt : Math.min(seen + 7 * 86_400_000, last)) {
      if (matcher.offset(name, seen) !== offset / MINUTE) return false;
    }
    at = endAt;
  }
  return true;
}

/** Every minute of the year in which an event of theirs is started. */
function startsOf(pipelines: readonly Pipeline[], matcher: OwnMatcher): ReadonlyMap<Pipeline, readonly number[]> {
  const events = pipelines.flatMap((one) =>
    pipelineEvents(one, frame()).map((event): [Pipeline, CronicleEvent] => [one, event]),
  );
  const starts = new Map<Pipeline, number[]>(pipelines.map((one) => [one, []]));
  for (let at = SPAN.from; at < SPAN.to; at += MINUTE) {
    for (const [one, { timing, timezone }] of events) {
      if (matcher.starts(timing, timezone, at)) starts.get(one)?.push(at);
    }
  }
  return starts;
}
