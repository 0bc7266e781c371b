import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StartLimit } from "../../../src/policies.ts";
import { fitting, limitKey, pauseAfter, usablePlaces } from "../../../src/run/limits/grant.ts";

const target = (name: string, places = 1): StartLimit => ({ kind: "target", name, places });
const start = (token: string, ...limits: StartLimit[]) => ({ token, limits });
const tokens = (starts: readonly { token: string }[]): string => starts.map(({ token }) => token).join("");

describe("fitting", () => {
  test("gives the places to the starts that have waited longest", () => {
    const waiting = ["a", "b", "c"].map((token) => start(token, target("x", 3)));
    expect(tokens(fitting(waiting, new Map([["target/x", 1]])))).toBe("ab");
  });

  test("lets a start pass another that waits for a different limit and takes no place", () => {
    const waiting = [start("a", target("x"), target("y")), start("b", target("y")), start("c", target("y"))];
    expect(tokens(fitting(waiting, new Map([["target/x", 1]])))).toBe("b");
    expect(tokens(fitting(waiting, new Map()))).toBe("a");
  });

  test("counts every start by the numbers of its own schedule", () => {
    const waiting = [start("a", target("x", 2)), start("b", target("x", 4))];
    expect(tokens(fitting(waiting, new Map([["target/x", 2]])))).toBe("b");
  });
});

describe("usablePlaces", () => {
  test("is lower than the limit if places with higher numbers are taken", () => {
    expect(usablePlaces([], 2)).toBe(2);
    expect(usablePlaces([0, 1], 2)).toBe(2);
    expect(usablePlaces([3], 2)).toBe(1);
    expect(usablePlaces([1, 3], 2)).toBe(0);
    expect(usablePlaces([2, 3], 2)).toBe(0);
  });

  test("never lets the limit be exceeded, for any order in which starts look, take and free", () => {
    // Each start looks first, and takes later: others may act between both.
    const step = fc.record({ start: fc.nat(5), pick: fc.nat(5) });
    const scene = fc.record({ places: fc.integer({ min: 1, max: 3 }), before: fc.uniqueArray(fc.nat(5)) });
    fc.assert(
      fc.property(scene, fc.array(step, { maxLength: 60 }), ({ places, before }, steps) => {
        const taken = new Map<number, number | undefined>(before.map((index) => [index, undefined]));
        const seen = new Map<number, number>();
        let most = Math.max(places, before.length);
        for (const { start: who, pick } of steps) {
          const own = [...taken].find(([, owner]) => owner === who)?.[0];
          const usable = seen.get(who);
          if (own !== undefined) {
            taken.delete(own);
          } else if (usable === undefined) {
            seen.set(who, usablePlaces([...taken.keys()], places));
          } else {
            const index = usable === 0 ? undefined : pick % usable;
            if (index !== undefined && !taken.has(index)) taken.set(index, who);
            seen.delete(who);
          }
          // Places that an older schedule has taken may become free at any time.
          const old = [...taken].find(([, owner]) => owner === undefined)?.[0];
          if (old !== undefined && pick === 5) taken.delete(old);
          expect(taken.size).toBeLessThanOrEqual(most);
          most = Math.max(places, Math.min(most, taken.size));
        }
      }),
    );
  });
});

test("a limit is the same in all schedules, whatever its number is", () => {
  expect(limitKey(target("x", 1))).toBe(limitKey(target("x", 2)));
});

describe("the time between two looks", () => {
  test("is half a second for the longest waiting start, and grows with the starts before it", () => {
    const pauses = [0, 1, 2, 3, 4, 5].map((rank) => pauseAfter({ rank, length: 500 }));
    expect(pauses).toEqual([500, 2_000, 8_000, 32_000, 128_000, 250_000]);
  });

  test("is at most half a second for each start in the queue", () => {
    fc.assert(
      fc.property(fc.nat(9), fc.integer({ min: 1, max: 2_000 }), (rank, length) => {
        expect(pauseAfter({ rank, length })).toBeLessThanOrEqual(500 * length);
      }),
    );
  });

  test("leaves fewer than five looks in a second to all starts of a host together", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), (length) => {
        const pauses = Array.from({ length }, (_, rank) => pauseAfter({ rank: Math.min(rank, 5), length }));
        expect(pauses.reduce((looks, pause) => looks + 1_000 / pause, 0)).toBeLessThan(5);
      }),
    );
  });
});
