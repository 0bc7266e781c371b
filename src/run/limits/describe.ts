import { lockLabel, lockNamed } from "../../pipeline-id.ts";
import type { StartLimit } from "../../policies.ts";
import type { PlaceClaim } from "./claim.ts";

/** A limit with the starts that have its places; `undefined` for one whose file is garbled. */
export interface LimitState {
  readonly limit: StartLimit;
  readonly holders: readonly (PlaceClaim | undefined)[];
}

const renderHolder = (claim: PlaceClaim | undefined): string =>
  claim === undefined
    ? "a run without a record"
    : `${lockLabel(lockNamed(claim.lock, claim.target))} since ${claim.since}`;

/** A limit with the number of its places that are taken: `target redshift is full (2 of 2)`. */
export const renderCount = ({ limit, holders }: LimitState): string =>
  `${limit.kind} ${limit.name} ${holders.length < limit.places ? "has room" : "is full"} (${holders.length} of ${limit.places})`;

/** The limits that are reached, with the runs that have their places. */
export function renderFull(states: readonly LimitState[]): string {
  const full = states.filter(({ limit, holders }) => holders.length >= limit.places);
  if (full.length === 0) return "other starts have waited longer";
  return full.map((state) => `${renderCount(state)}: ${state.holders.map(renderHolder).join(", ")}`).join("; ");
}
