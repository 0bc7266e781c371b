import { uptimeMs } from "../../lock/processes.ts";
import { lockName } from "../../pipeline-id.ts";
import type { StartLimit } from "../../policies.ts";
import { signalProcess } from "../../system/proc.ts";
import type { LockedRun } from "../context.ts";
import { WAKE_SIGNAL } from "../process/watch-stop-requests.ts";
import type { PlaceClaim } from "./claim.ts";
import { fitting, limitKey, type Waiting } from "./grant.ts";
import { openOwners } from "./owners.ts";
import { type OwnPlace, openPlaces, type Place } from "./places.ts";
import { openTickets, type Ticket } from "./tickets.ts";

/** A start that leaves its free places untaken for this time is passed, because its host may be dead. */
const PATIENCE_MS = 3_000;

/** Number of longer waiting starts of this host that are counted. */
const MOST_RANKS = 5;

interface OtherStart extends Waiting {
  readonly ticket: Ticket;
}

/** The queue and the places, as one look finds them. */
export interface Look {
  /** The places of each limit that are taken, by `limitKey`. */
  readonly places: ReadonlyMap<string, readonly Place[]>;
  /** Number of starts of this host that have waited longer, at most `MOST_RANKS`. */
  readonly rank: number;
  /** Number of starts in the queue, on all hosts. */
  readonly length: number;
  /** Whether this start may take its places now. */
  readonly fits: boolean;
  /** Other starts for which places are free, and those that did not take them. */
  readonly fitting: readonly OtherStart[];
  readonly passed: readonly OtherStart[];
}

/** The queue as one start sees it. */
export interface Queue {
  look(): Promise<Look>;
  /** Takes all places, or none: a start does not keep a place while it waits for another. */
  take(): Promise<readonly OwnPlace[] | undefined>;
  /** Adds this start to the queue. @returns `false` if it already waits */
  enter(): Promise<boolean>;
  /** Wakes the starts of this host for which places are free, and removes the tickets of passed starts that are dead. */
  tend(look: Look): Promise<void>;
  /** Removes this start from the queue, and wakes the start of this host that has now waited longest. */
  leave(): Promise<void>;
}

export async function releaseAll(places: readonly OwnPlace[]): Promise<void> {
  for (const place of places.toReversed()) await place.release();
}

/** @param giveUp resolves when the start waits no longer */
export function openQueue(run: LockedRun, limits: readonly StartLimit[], giveUp: Promise<unknown>): Queue {
  const { host, id, lock, plan, store } = run;
  const { paths } = plan;
  const owners = openOwners(paths, host, giveUp);
  const places = openPlaces({ paths, owners, uid: host.uid });
  const tickets = openTickets(paths);
  /** Time since which places are free for a start that has not taken them, by the token of the start. */
  const freeSince = new Map<string, number>();
  let ticket: Ticket | undefined;

  const claim = (): PlaceClaim => ({
    target: store.lock.id.target,
    lock: lockName(store.lock.id),
    runId: id,
    host: host.name,
    since: host.now().toISOString(),
    limits,
  });

  /** Removes the ticket of a start that has ended without doing so. */
  async function removeDead(other: Ticket): Promise<boolean> {
    const { token } = other;
    // A start that waits has no pipeline, so its process alone decides.
    const isAlive = owners.isLocal(token)
      ? owners.findLocal(token) !== undefined
      : await owners.holdsLock(token, await tickets.readClaim(other));
    if (!isAlive) await tickets.remove(other);
    return !isAlive;
  }

  /** Lets a start of this host look. */
  function wake(token: string): void {
    const owner = owners.findLocal(token);
    if (owner !== undefined) signalProcess(owner.pid, WAKE_SIGNAL);
  }

  /**
   * Counts the starts of this host that have waited longer, at most `MOST_RANKS`. If one of them is dead, it may have
   * been the one that looks for all, so the first one that is alive looks now.
   */
  async function rankOf(waiting: readonly Ticket[]): Promise<number> {
    const ahead: Ticket[] = [];
    let removed = false;
    for (const other of waiting) {
      if (other.token === lock.token || ahead.length === MOST_RANKS) break;
      if (!owners.isLocal(other.token)) continue;
      if (await removeDead(other)) removed = true;
      else ahead.push(other);
    }
    const [first] = ahead;
    if (removed && first !== undefined) wake(first.token);
    return ahead.length;
  }

  /** Decides which starts fit. One that did not take places that were free for it is passed. */
  function decide(others: readonly OtherStart[], taken: ReadonlyMap<string, number>) {
    const number = ticket?.number ?? Number.POSITIVE_INFINITY;
    const isBefore = (other: OtherStart) =>
      other.ticket.number < number || (other.ticket.number === number && other.token < lock.token);
    const own: Waiting = { token: lock.token, limits };
    const all = [...others.filter(isBefore), own, ...others.filter((other) => !isBefore(other))];
    const candidates = new Set(fitting(all, taken).map(({ token }) => token));
    const now = uptimeMs();
    for (const token of freeSince.keys()) if (!candidates.has(token)) freeSince.delete(token);
    for (const token of candidates) if (!freeSince.has(token)) freeSince.set(token, now);
    const isPassed = ({ token }: Waiting) => token !== lock.token && now - (freeSince.get(token) ?? now) > PATIENCE_MS;
    const chosen = new Set(
      fitting(
        all.filter((one) => !isPassed(one)),
        taken,
      ).map(({ token }) => token),
    );
    return {
      fits: chosen.has(lock.token),
      fitting: others.filter(({ token }) => chosen.has(token)),
      passed: others.filter(isPassed),
    };
  }

  return {
    async look() {
      const found = new Map<string, readonly Place[]>();
      const read = async (limit: StartLimit) => {
        const key = limitKey(limit);
        if (!found.has(key)) found.set(key, await places.read(limit));
      };
      const taken = () => new Map([...found].map(([key, { length }]) => [key, length]));
      for (const limit of limits) await read(limit);
      const waiting = await tickets.read();
      const rank = await rankOf(waiting);
      const others: OtherStart[] = [];
      // A start needs to know the others only if it may take its places, or if it wakes the others of its host.
      if (rank === 0 || fitting([{ token: lock.token, limits }], taken()).length > 0) {
        for (const other of waiting) {
          const theirs = other.token === lock.token ? undefined : await tickets.readClaim(other);
          if (theirs === undefined) continue;
          for (const limit of theirs.limits) await read(limit);
          others.push({ token: other.token, limits: theirs.limits, ticket: other });
        }
      }
      return { places: found, rank, length: waiting.length, ...decide(others, taken()) };
    },
    async take() {
      const taken: OwnPlace[] = [];
      try {
        for (const limit of limits) {
          const place = await places.take(limit, lock.token, claim());
          if (place === undefined) {
            await releaseAll(taken);
            return undefined;
          }
          taken.push(place);
        }
        return taken;
      } catch (error) {
        await releaseAll(taken).catch(() => {});
        throw error;
      }
    },
    async enter() {
      if (ticket !== undefined) return false;
      ticket = await tickets.create(lock.token, claim(), host.uid);
      return true;
    },
    async tend(look) {
      for (const { token } of look.fitting) wake(token);
      for (const other of look.passed) await removeDead(other.ticket);
    },
    async leave() {
      if (ticket === undefined) return;
      await tickets.remove(ticket);
      ticket = undefined;
      for (const { token } of await tickets.read()) {
        const owner = owners.findLocal(token);
        if (owner === undefined) continue;
        signalProcess(owner.pid, WAKE_SIGNAL);
        return;
      }
    },
  };
}
