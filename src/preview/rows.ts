import { zoneClock } from "../cron/zone-clock.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { type PlannedRun, zoneOf } from "./upcoming.ts";

/** A run with its zone and offset. The offset is in milliseconds east of UTC. */
export interface RunRow {
  readonly kind: "run";
  readonly pipeline: Pipeline;
  readonly at: number;
  readonly zone: string;
  readonly offset: number;
  /** Whether it is the first run of its zone, or the first after a clock change. */
  readonly offsetIsNew: boolean;
}

/** A clock change of a zone between two runs. */
export interface ChangeRow {
  readonly kind: "change";
  readonly at: number;
  readonly zone: string;
  readonly before: number;
  readonly after: number;
}

/** A line of a preview before it is rendered. */
export type Row = RunRow | ChangeRow;

/** The runs with the clock changes between them. Lazy, as the runs are. */
export function* previewRows(
  runs: Iterable<PlannedRun>,
  window: { readonly machineZone: string; readonly from: number },
): Generator<Row, void> {
  const shown = new Map<string, number>();
  const offsets = new Map<string, number>();
  for (const { pipeline, at } of runs) {
    const zone = zoneOf(pipeline, window.machineZone);
    if (!offsets.has(zone)) offsets.set(zone, zoneClock(zone).intervalAt(window.from).offset);
    yield* changesUntil(at, offsets);
    const offset = offsets.get(zone) ?? 0;
    yield { kind: "run", pipeline, at, zone, offset, offsetIsNew: shown.get(zone) !== offset };
    shown.set(zone, offset);
  }
}

/**
 * The clock changes since the last row that are still in effect at this one.
 *
 * @param offsets the last shown offset of each zone; it is updated
 */
function* changesUntil(at: number, offsets: Map<string, number>): Generator<ChangeRow, void> {
  for (const [zone, before] of offsets) {
    const clock = zoneClock(zone);
    let { startAt, offset: after } = clock.intervalAt(at);
    if (after === before) continue;
    // The interval before may have the same offset.
    for (let earlier = clock.intervalAt(startAt - 1); earlier.offset === after; ) {
      startAt = earlier.startAt;
      earlier = clock.intervalAt(startAt - 1);
    }
    offsets.set(zone, after);
    yield { kind: "change", at: startAt, zone, before: clock.intervalAt(startAt - 1).offset, after };
  }
}
