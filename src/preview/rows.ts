import { zoneClock } from "../cron/zone-clock.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { type PlannedRun, zoneOf } from "./upcoming.ts";

/** A run, with what its zone's clocks show. Offsets are milliseconds east of UTC. */
export interface RunRow {
  readonly kind: "run";
  readonly pipeline: Pipeline;
  readonly at: number;
  readonly zone: string;
  readonly offset: number;
  /** The first of its zone, or the first since its clocks changed. */
  readonly offsetIsNew: boolean;
}

/** Between two runs the clocks of a zone have changed. */
export interface ChangeRow {
  readonly kind: "change";
  readonly at: number;
  readonly zone: string;
  readonly before: number;
  readonly after: number;
}

/** A line of a preview before it is rendered as a table, timeline or calendar. */
export type Row = RunRow | ChangeRow;

/** The runs with the clock changes between them. Lazy, as the runs are. @param window what was asked for */
export function* previewRows(
  runs: Iterable<PlannedRun>,
  window: { readonly machineZone: string; readonly from: number },
): Generator<Row, void> {
  const shown = new Map<string, number>();
  const offsets = new Map<string, number>();
  for (const { pipeline, at } of runs) {
    const zone = zoneOf(pipeline, window.machineZone);
    if (!offsets.has(zone)) offsets.set(zone, zoneClock(zone).segmentAt(window.from).offset);
    yield* changesUntil(at, offsets);
    const offset = offsets.get(zone) ?? 0;
    yield { kind: "run", pipeline, at, zone, offset, offsetIsNew: shown.get(zone) !== offset };
    shown.set(zone, offset);
  }
}

/** Changes since the last row that still matter at this one. @param offsets by zone, as last told; brought up to date */
function* changesUntil(at: number, offsets: Map<string, number>): Generator<ChangeRow, void> {
  for (const [zone, before] of offsets) {
    const clock = zoneClock(zone);
    let { startAt, offset: after } = clock.segmentAt(at);
    if (after === before) continue;
    // A segment may begin in the middle of its offset.
    for (let earlier = clock.segmentAt(startAt - 1); earlier.offset === after; ) {
      startAt = earlier.startAt;
      earlier = clock.segmentAt(startAt - 1);
    }
    offsets.set(zone, after);
    yield { kind: "change", at: startAt, zone, before: clock.segmentAt(startAt - 1).offset, after };
  }
}
