import { beforeAll, expect, test } from "vitest";
import { type Actor, type Actors, type Answer, prepareActors } from "./actors.ts";
import { describeInLaboratory } from "./suite.ts";

const ROUNDS = Array.from({ length: 40 }, (_, round) => `tap${round}`);
const PER_HOST = 3;

describeInLaboratory("two hosts on NFSv4 and six processes after one lock", (laboratory) => {
  let actors: Actors;
  let contenders: readonly Actor[];

  /** All ask at once; who gets it holds it until all have their answer. */
  async function contend(tap: string): Promise<readonly Answer[]> {
    const answers = await Promise.all(contenders.map((actor) => actor.ask("take", tap)));
    await Promise.all(contenders.map((actor, at) => answers[at]?.kind === "acquired" && actor.ask("release", tap)));
    return answers;
  }

  beforeAll(async () => {
    actors = await prepareActors(laboratory());
    const { clients } = laboratory();
    const guests = clients.flatMap((client) => Array.from({ length: PER_HOST }, () => client));
    contenders = await Promise.all(guests.map((guest) => actors.start(guest, "rounds")));
  }, 120_000);

  test("a fresh lock has one owner in each of 40 rounds, and all others are told that it is held", async () => {
    for (const tap of ROUNDS) {
      const answers = await contend(tap);
      expect(kinds(answers), `${tap}: ${JSON.stringify(answers)}`).toEqual(["acquired", ...Array(5).fill("held")]);
    }
  });

  test("a lock that a killed process left behind has one new owner, in each of 40 rounds", async () => {
    const dead = await Promise.all(laboratory().clients.map((client) => actors.start(client, "rounds")));
    const ownerOf = (at: number) => dead[at % dead.length];
    for (const [at, tap] of ROUNDS.entries()) {
      expect(await ownerOf(at)?.ask("take", tap)).toMatchObject({ kind: "acquired" });
    }
    await Promise.all(dead.map((actor) => actor.kill()));
    for (const [at, tap] of ROUNDS.entries()) {
      const answers = await contend(tap);
      expect(kinds(answers), `${tap}: ${JSON.stringify(answers)}`).toEqual(["acquired", ...Array(5).fill("held")]);
      const owner = answers.find(({ kind }) => kind === "acquired");
      expect(owner?.from).toBe(ownerOf(at)?.guest.name);
    }
  });
});

const kinds = (answers: readonly Answer[]): readonly string[] => answers.map(({ kind }) => kind).sort();
