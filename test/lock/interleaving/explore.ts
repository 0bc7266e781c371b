import { type Choice, type Plan, Simulation } from "./simulation.ts";

export interface Exploration {
  readonly states: number;
  readonly runs: number;
  /** The first thing that must not be, and the choices that lead there. */
  readonly fault: { readonly what: string; readonly path: readonly Choice[] } | undefined;
}

interface State {
  /** By choice: the state that it leads to. */
  readonly next: Map<Choice, string>;
  /** Number of finished attempts of each process. */
  readonly behind: readonly number[];
}

async function replay(plan: Plan, path: readonly Choice[]): Promise<Simulation> {
  const simulation = await new Simulation(plan).start();
  for (const choice of path) await simulation.take(choice);
  return simulation;
}

/** From every state each process that goes on alone comes to the end of its attempt: nobody ever waits for another. */
function findStuck(states: ReadonlyMap<string, State>, actors: number): string | undefined {
  for (let id = 0; id < actors; id += 1) {
    const ends = new Set<string>();
    for (const [start, { behind }] of states) {
      const seen = new Set<string>();
      for (
        let key: string | undefined = start;
        key !== undefined && !ends.has(key);
        key = states.get(key)?.next.get(id)
      ) {
        if (states.get(key)?.behind[id] !== behind[id]) break;
        if (seen.has(key)) return `process ${id} goes round in circles`;
        seen.add(key);
      }
      for (const key of seen) ends.add(key);
    }
  }
  return undefined;
}

/**
 * Looks at every state that any order of steps leads to, once: orders that lead to the same state go on as one. What runs
 * is the real code, so each state is reached by running it from the beginning.
 */
export async function exploreAll(plan: Plan): Promise<Exploration> {
  const states = new Map<string, State>();
  const open: { path: Choice[]; from: string | undefined }[] = [{ path: [], from: undefined }];
  let runs = 0;
  for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
    const { path } = branch;
    let { from } = branch;
    runs += 1;
    const simulation = await replay(plan, path);
    for (;;) {
      if (simulation.fault !== undefined) return { states: states.size, runs, fault: { what: simulation.fault, path } };
      const key = simulation.key();
      const last = path.at(-1);
      if (from !== undefined && last !== undefined) states.get(from)?.next.set(last, key);
      if (states.has(key)) break;
      states.set(key, { next: new Map(), behind: simulation.behind() });
      const [first, ...others] = simulation.choices();
      for (const other of others) open.push({ path: [...path, other], from: key });
      if (first === undefined) break;
      await simulation.take(first);
      path.push(first);
      from = key;
    }
  }
  const stuck = findStuck(states, plan.actors);
  return { states: states.size, runs, fault: stuck === undefined ? undefined : { what: stuck, path: [] } };
}

/** A small generator of numbers in [0, 1), the same at each run (mulberry32). */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A crash is rarer than a step, or nothing would ever happen between two. */
const CRASH_CHANCE = 0.02;
/** No order takes so many steps unless it never ends. */
const MOST_STEPS = 5_000;

/** Orders drawn at random, as many as asked for: for more processes than all orders can be had of. */
export async function exploreSome(plan: Plan, seed: number, runs: number): Promise<Exploration> {
  const draw = numbersFrom(seed);
  const oneOf = (choices: readonly Choice[]) => choices[Math.floor(draw() * choices.length)];
  let steps = 0;
  for (let run = 1; run <= runs; run += 1) {
    const simulation = await new Simulation(plan).start();
    const path: Choice[] = [];
    for (;;) {
      const choices = simulation.choices();
      const crashes = choices.filter((choice) => choice < 0);
      const goOn = choices.filter((choice) => choice >= 0);
      const choice = crashes.length > 0 && draw() < CRASH_CHANCE ? oneOf(crashes) : oneOf(goOn);
      if (choice === undefined) break;
      await simulation.take(choice);
      path.push(choice);
      steps += 1;
      const what = simulation.fault ?? (path.length > MOST_STEPS ? "it never ends" : undefined);
      if (what !== undefined) return { states: steps, runs: run, fault: { what, path } };
    }
  }
  return { states: steps, runs, fault: undefined };
}
