import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Spoil } from "../../lock/interleaving/attempts.ts";
import { exploreAll, exploreSome } from "../../lock/interleaving/explore.ts";
import type { Plan } from "../../lock/interleaving/simulation.ts";
import { DEAD_PLACE_FILE, leaveDeadPlace, PLACE, placeAttempt, prepareLimit } from "./place-attempts.ts";

/** `PWS_INTERLEAVINGS=full npx vitest run test/run/limits/interleaving.test.ts` explores more, for some minutes. */
const FULL = process.env["PWS_INTERLEAVINGS"] === "full";
const FULL_TIMEOUT_MS = 3_600_000;
const SEED = 20261127;

const dead = { prepare: leaveDeadPlace };
const hosts = [
  { where: "one host", cluster: undefined },
  { where: "two hosts", cluster: { kernelLock: false } },
];

const planOf = (changes: Partial<Plan>): Plan => ({
  actors: 2,
  attempts: 1,
  crashes: 0,
  prepare: prepareLimit,
  attempt: placeAttempt(),
  ...changes,
});

// The heartbeats of the locks would wait for an hour that does not come.
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

describe("in every order of steps a limit of 1 has at most one owner, and a later start gets its place:", () => {
  test.each(FULL ? hosts : hosts.slice(0, 1))(
    "two starts on $where and a free place, of which one may crash at any step",
    async ({ cluster }) => {
      const { fault, states } = await exploreAll(planOf({ cluster, crashes: 1 }));
      expect(fault).toBeUndefined();
      // Far fewer would mean that the test no longer explores some steps.
      expect(states).toBeGreaterThan(500);
    },
    FULL_TIMEOUT_MS,
  );

  describe.skipIf(!FULL)("in full", { timeout: FULL_TIMEOUT_MS }, () => {
    test.each(hosts)("two starts on $where and the place of a killed run", async ({ cluster }) => {
      expect((await exploreAll(planOf({ ...dead, cluster }))).fault).toBeUndefined();
    });
  });
});

test.each(hosts)(
  "the same is true in samples of three starts on $where, of which one may crash",
  async ({ cluster }) => {
    for (const prepare of [prepareLimit, leaveDeadPlace]) {
      const plan = planOf({ actors: 3, crashes: 1, attempts: 2, prepare, cluster });
      expect((await exploreSome(plan, SEED, FULL ? 20_000 : 100)).fault).toBeUndefined();
    }
  },
  FULL_TIMEOUT_MS,
);

const spoiled: readonly { what: string; spoil: Spoil; fault: RegExp }[] = [
  {
    what: "took a place that is taken",
    spoil: (files, { fs, step }) => ({
      ...files,
      rename: (from, to) =>
        to === PLACE
          ? step("replace", () => {
              if (fs.has(PLACE)) for (const name of fs.list(PLACE)) fs.unlink(`${PLACE}/${name}`);
              fs.rename(from, to);
            })
          : files.rename(from, to),
    }),
    fault: /^processes \d and \d have the lock$/,
  },
  {
    what: "freed the place of whichever run has it",
    spoil: (files, { fs, step }) => ({
      ...files,
      rename: (from, to) =>
        from === DEAD_PLACE_FILE
          ? step("free", () => fs.rename(`${PLACE}/${fs.list(PLACE)[0]}`, to))
          : files.rename(from, to),
    }),
    fault: /^processes \d and \d have the lock$/,
  },
  {
    what: "did not free the place of a killed run",
    spoil: (files) => ({
      ...files,
      rename: async (from, to) => (from === DEAD_PLACE_FILE ? undefined : files.rename(from, to)),
    }),
    fault: /ever got the lock$|did not get the lock$/,
  },
];

test.each(spoiled)("the exploration would find a start that $what", async ({ spoil, fault: expected }) => {
  const { fault } = await exploreAll(planOf({ ...dead, attempt: placeAttempt(spoil) }));
  expect(fault?.what).toMatch(expected);
});
