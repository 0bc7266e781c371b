import { errorCode } from "../../errors.ts";
import { lockNamed } from "../../pipeline-id.ts";
import type { StartLimit } from "../../policies.ts";
import { limitsDir, type StatePaths } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";
import type { PlaceClaim } from "./claim.ts";
import { type LimitState, renderCount } from "./describe.ts";
import { limitKey } from "./grant.ts";
import { lockContains, type Owners } from "./owners.ts";
import { openPlaces } from "./places.ts";
import { openTickets } from "./tickets.ts";

/** A start that waits for its places, as `status` and `unlock` show it. */
export interface QueuedStart {
  /** By the clock of its host. */
  readonly since: Date;
  /** The limits that are reached; all of its limits if none is. */
  readonly waitsFor: readonly LimitState[];
}

/** Counts every owner as having its lock, because a reader must not free a place. */
const UNCHECKED: Owners = { findLocal: () => undefined, isLocal: () => false, holdsLock: async () => true };

/** Reads the starts that wait for a place, by their run ids. Changes nothing. */
export async function readQueue(paths: StatePaths): Promise<ReadonlyMap<string, QueuedStart>> {
  try {
    return await readAll(paths);
  } catch (error) {
    throw errorCode(error) === undefined ? error : ioError("read", limitsDir(paths), error);
  }
}

/**
 * Whether a start would get its places at once: each of its limits has a free one, and no start waits for a place of any
 * limit. Changes nothing.
 */
export async function hasRoom(paths: StatePaths, limits: readonly StartLimit[]): Promise<boolean> {
  try {
    const tickets = openTickets(paths);
    for (const ticket of await tickets.read()) {
      const claim = await tickets.readClaim(ticket);
      // A crash leaves the ticket of a dead start.
      if (claim !== undefined && (await holdsLock(paths, claim, ticket.token))) return false;
    }
    const stateOf = limitReader(paths);
    for (const limit of limits) if ((await stateOf(limit)).holders.length >= limit.places) return false;
    return true;
  } catch (error) {
    throw errorCode(error) === undefined ? error : ioError("read", limitsDir(paths), error);
  }
}

const holdsLock = (paths: StatePaths, { lock, target }: PlaceClaim, token: string): Promise<boolean> =>
  lockContains(paths, lockNamed(lock, target), token);

/** Reads the state of a limit, each once. */
function limitReader(paths: StatePaths): (limit: StartLimit) => Promise<LimitState> {
  const places = openPlaces({ paths, owners: UNCHECKED, uid: 0 });
  const states = new Map<string, LimitState>();
  return async (limit) => {
    const key = `${limitKey(limit)} ${limit.places}`;
    const known = states.get(key);
    if (known !== undefined) return known;
    const holders = [];
    for (const { token, claim } of await places.read(limit)) {
      if (claim === undefined || (await holdsLock(paths, claim, token))) holders.push(claim);
    }
    const state = { limit, holders };
    states.set(key, state);
    return state;
  };
}

async function readAll(paths: StatePaths): Promise<ReadonlyMap<string, QueuedStart>> {
  const tickets = openTickets(paths);
  const stateOf = limitReader(paths);
  const found = new Map<string, QueuedStart>();
  for (const ticket of await tickets.read()) {
    const claim = await tickets.readClaim(ticket);
    if (claim === undefined) continue;
    const all: LimitState[] = [];
    for (const limit of claim.limits) all.push(await stateOf(limit));
    const full = all.filter(({ limit, holders }) => holders.length >= limit.places);
    found.set(claim.runId, { since: new Date(claim.since), waitsFor: full.length > 0 ? full : all });
  }
  return found;
}

/** The limits for which a start waits, as text. */
export const renderWaitsFor = ({ waitsFor }: QueuedStart): string => waitsFor.map(renderCount).join(", ");
