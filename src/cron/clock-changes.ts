import type { ZoneClock } from "./segment.ts";

/** A step of a zone's clocks. Milliseconds; offsets are east of UTC. */
export interface ClockChange {
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** The steps of a zone's clocks between two instants, in order; `to` exclusive. */
export function* clockChanges(clock: ZoneClock, from: number, to: number): Generator<ClockChange, void> {
  let segment = clock.segmentAt(from);
  while (segment.endAt < to) {
    const next = clock.segmentAt(segment.endAt);
    if (next.offset !== segment.offset) yield { at: segment.endAt, before: segment.offset, after: next.offset };
    segment = next;
  }
}
