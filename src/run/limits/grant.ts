import type { Limits, StartLimit } from "../../policies.ts";

/** Key of a limit: the same in all schedules, whatever their numbers are. */
export const limitKey = ({ kind, name }: StartLimit): string => `${kind}/${name}`;

/** An entry that a host starts. */
interface LimitedStart {
  readonly target: string;
  readonly source: string | undefined;
  readonly host: string;
}

/** The limits that apply to a start, in the order in which it takes its places. */
export function limitsOf({ target, source, host }: LimitedStart, all: Limits): readonly StartLimit[] {
  const known: readonly (readonly [StartLimit["kind"], string, number | undefined])[] = [
    ["host", host, all.host],
    ["target", target, all.target[target]],
    ["source", source ?? "", source === undefined ? undefined : all.source[source]],
  ];
  return known.flatMap(([kind, name, places]) => (places === undefined ? [] : [{ kind, name, places }]));
}

/** A start that waits for its places. */
export interface Waiting {
  readonly token: string;
  readonly limits: readonly StartLimit[];
}

/**
 * The waiting starts that fit now, if the longest waiting start takes its places first. A start that does not fit takes
 * nothing: another one that needs only some of the same places may pass it.
 *
 * @param waiting longest waiting first
 * @param taken number of places that are taken, by `limitKey`
 */
export function fitting<T extends Waiting>(waiting: readonly T[], taken: ReadonlyMap<string, number>): readonly T[] {
  const used = new Map(taken);
  return waiting.filter(({ limits }) => {
    const fits = limits.every((limit) => (used.get(limitKey(limit)) ?? 0) < limit.places);
    if (fits) for (const limit of limits) used.set(limitKey(limit), (used.get(limitKey(limit)) ?? 0) + 1);
    return fits;
  });
}

/**
 * The numbers of the places that a start may take: those below the result. Schedules may have different numbers for one
 * limit, so places with higher numbers may be taken too, and count.
 *
 * A start that takes a place below the result never exceeds its limit, even if others take places meanwhile: each
 * number is taken once, and the numbers above the result can only become free.
 *
 * @param taken the numbers that are taken
 */
export function usablePlaces(taken: readonly number[], places: number): number {
  for (let below = places; below > 0; below--) {
    if (below + taken.filter((index) => index >= below).length <= places) return below;
  }
  return 0;
}

/** Time between two looks of the longest waiting start of a host. */
export const LOOK_MS = 500;

/**
 * Time between two looks of a start. The longest waiting start looks for all starts of its host. The others only
 * replace it if it dies: each of the next ones looks a quarter as often as the one before it, and all the later ones
 * together look twice a second. So the number of looks does not grow with the queue.
 *
 * @param rank number of starts of this host that have waited longer
 * @param length number of starts in the queue
 */
export const pauseAfter = ({ rank, length }: { readonly rank: number; readonly length: number }): number =>
  LOOK_MS * Math.min(4 ** rank, Math.max(length, 1));
