import { beforeAll, expect, test } from "vitest";
import { QUICK } from "../rig/lock-timing.ts";
import { type Actor, type Actors, type Answer, prepareActors } from "./actors.ts";
import { describeInLaboratory } from "./suite.ts";

const ROUNDS = Array.from({ length: 40 }, (_, round) => `tap${round}`);
const PER_HOST = 2;
const WITHIN_MS = 240_000;

/** So many rounds at once, where a round may last a lease. */
const TOGETHER = 20;

describeInLaboratory("two hosts on NFSv4 and processes of both after one lock", (laboratory) => {
  let actors: Actors;
  let contenders: readonly Actor[];

  const startOnBoth = (perHost: number): Promise<readonly Actor[]> => {
    const guests = laboratory().clients.flatMap((client) => Array.from({ length: perHost }, () => client));
    return Promise.all(guests.map((guest) => actors.start(guest, "rounds", QUICK)));
  };

  /** All ask at once; who gets it holds it until all have their answer. */
  async function contend(tap: string): Promise<readonly Answer[]> {
    const answers = await Promise.all(contenders.map((actor) => actor.ask("take", tap, { withinMs: WITHIN_MS })));
    await Promise.all(contenders.map((actor, at) => answers[at]?.kind === "acquired" && actor.ask("release", tap)));
    const kinds = answers.map(({ kind }) => kind).sort();
    expect(kinds, JSON.stringify(answers)).toEqual(["acquired", ...Array(2 * PER_HOST - 1).fill("held")]);
    return answers;
  }

  beforeAll(async () => {
    actors = await prepareActors(laboratory());
    contenders = await startOnBoth(PER_HOST);
  }, 120_000);

  test("a fresh lock has one owner in each of 40 rounds, and all others find it held", async () => {
    for (const tap of ROUNDS) await contend(tap);
  });

  test("a lock that a killed process left behind has one new owner, in each of 40 rounds", async () => {
    const owners = await startOnBoth(1);
    const ownerOf = (at: number) => owners[at % owners.length];
    for (const [at, tap] of ROUNDS.entries()) {
      expect(await ownerOf(at)?.ask("take", tap)).toMatchObject({ kind: "acquired" });
    }
    await Promise.all(owners.map((actor) => actor.kill()));
    // A start on the other host takes them for alive at first; later it watches for a lease before it takes over.
    for (let first = 0; first < ROUNDS.length; first += TOGETHER) {
      const rounds = await Promise.all(ROUNDS.slice(first, first + TOGETHER).map(contend));
      for (const [at, answers] of rounds.entries()) {
        expect(answers.find(({ kind }) => kind === "acquired")?.from).toBe(ownerOf(first + at)?.guest.name);
      }
    }
  });
});
