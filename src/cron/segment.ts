/** The ends of what a `Date` can say. */
export const FURTHEST = 8_640_000_000_000_000;

/** A span of time in which a zone keeps one offset. Milliseconds; `endAt` is exclusive. */
export interface Segment {
  readonly startAt: number;
  readonly endAt: number;
  /** East of UTC. Whole seconds: some zones of the past had odd ones. */
  readonly offset: number;
}

/** What a zone's clocks show. */
export interface ZoneClock {
  /** The segment around an instant. It may be shorter than the offset lasts; the next one then has the same offset. */
  readonly segmentAt: (at: number) => Segment;
}
