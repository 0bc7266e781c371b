import { MemoryFs, type Step } from "./memory-fs.ts";

/** The view of one process in the simulation. */
export interface Actor {
  readonly id: number;
  readonly fs: MemoryFs;
  readonly step: Step;
  /** Whether another process has not crashed. */
  readonly lives: (id: number) => boolean;
  readonly isCluster: boolean;
  /** Which one; 0 where there is only one. */
  readonly host: number;
  /** The kernel's lock, one for all hosts as on a share; `undefined` where there is none. */
  readonly kernel: { readonly take: () => Promise<boolean>; readonly close: () => Promise<void> } | undefined;
  /** It has the lock now. */
  enter(): void;
  /** It is about to give it back. */
  leave(): void;
  /** Forgets the earlier steps of this process, which begins again. @param but values that it still uses */
  forget(but?: string): void;
}

/** One attempt to get the lock, and its end. @returns whether it got it */
export type Attempt = (actor: Actor, attempt: number) => Promise<boolean>;

export interface Plan {
  readonly actors: number;
  /** The processes are on two hosts in turn, which tell each other's death by waiting only. */
  readonly cluster?: { readonly kernelLock: boolean } | undefined;
  readonly attempts: number;
  readonly crashes: number;
  readonly prepare: (fs: MemoryFs) => void;
  readonly attempt: Attempt;
}

/** `2` lets process 2 take its next step; `~2` crashes it. */
export type Choice = number;

interface Local {
  pending: { readonly what: string; readonly go: () => void } | undefined;
  seen: string[];
  /** Results of its attempts so far. */
  readonly got: boolean[];
  /** So many had crashed when its attempt took its first step. */
  crashesAtStart: number | undefined;
  crashed: boolean;
  done: boolean;
}

const newLocal = (): Local => ({
  pending: undefined,
  seen: [],
  got: [],
  crashesAtStart: undefined,
  crashed: false,
  done: false,
});

/** A process that is alone takes fewer steps. */
const MOST_STEPS_ALONE = 1_000;

/** Long before so many turns a process has come to its next step: between two of them it waits for nothing but promises. */
const MOST_TURNS = 10_000;

async function untilWaiting(local: Local): Promise<void> {
  for (let turn = 0; local.pending === undefined && !local.done; turn += 1) {
    if (turn > MOST_TURNS) throw new Error("a process waits for something that is not a step");
    await undefined;
  }
}

/** A result as a text; of an error, its code. */
const said = (value: unknown): string =>
  value instanceof Error && "code" in value ? String(value.code) : (JSON.stringify(value) ?? "");

/** As test/lock/interleaving/attempts.ts makes them. */
const TOKEN = /\b[bc]\.1\.(\d+)\.1\.[0-9a-f]+/g;

/** Tokens are random, so states that differ in them alone are one: they are numbered in order of appearance. */
function canonical(text: string): string {
  const names = new Map<string, number>();
  return text.replace(TOKEN, (token, pid: string) => {
    if (!names.has(token)) names.set(token, names.size);
    return `${token[0]}${pid}#${names.get(token)}`;
  });
}

/** Processes that share a file system and go on one step at a time, as told. */
export class Simulation {
  readonly fs = new MemoryFs();
  readonly #plan: Plan;
  readonly #locals: Local[] = [];
  readonly #owners = new Set<number>();
  #crashes = 0;
  #kernelOwner: number | undefined;
  /** The first violation of the lock contract. */
  fault: string | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
    plan.prepare(this.fs);
    for (let id = 0; id < plan.actors; id += 1) this.#locals.push(newLocal());
  }

  async start(): Promise<this> {
    for (const [id] of this.#locals.entries()) void this.#live(id);
    for (const local of this.#locals) await untilWaiting(local);
    return this;
  }

  #local(id: number): Local {
    const local = this.#locals[id];
    if (local === undefined) throw new Error(`there is no process ${id}`);
    return local;
  }

  async #live(id: number): Promise<void> {
    const local = this.#local(id);
    const step: Step = (what, act) =>
      new Promise((resolve, reject) => {
        const go = () => {
          try {
            const value = act();
            local.seen.push(`${what} ${said(value)}`);
            resolve(value);
          } catch (error) {
            local.seen.push(`${what} ${said(error)}`);
            reject(error);
          }
        };
        local.pending = { what, go };
      });
    const { cluster } = this.#plan;
    const actor: Actor = {
      id,
      fs: this.fs,
      lives: (other) => this.#locals[other]?.crashed === false,
      isCluster: cluster !== undefined,
      host: cluster === undefined ? 0 : id % 2,
      kernel: cluster?.kernelLock !== true ? undefined : this.#kernelLock(id, step),
      step,
      enter: () => {
        if (this.#owners.size > 0) this.fault ??= `processes ${[...this.#owners]} and ${id} have the lock`;
        this.#owners.add(id);
      },
      leave: () => this.#owners.delete(id),
      forget: (but = "") => {
        local.seen = [but];
      },
    };
    try {
      for (let attempt = 0; attempt < this.#plan.attempts; attempt += 1) {
        local.seen = [];
        local.crashesAtStart = undefined;
        local.got.push(await this.#plan.attempt(actor, attempt));
        this.#judge(local);
      }
    } catch (error) {
      this.fault ??= `process ${id} failed: ${error instanceof Error ? error.stack : error}`;
    }
    local.done = true;
  }

  #kernelLock(id: number, step: Step): Actor["kernel"] {
    return {
      take: () =>
        step("flock", () => {
          this.#kernelOwner ??= id;
          return this.#kernelOwner === id;
        }),
      close: () =>
        step("unflock", () => {
          if (this.#kernelOwner === id) this.#kernelOwner = undefined;
        }),
    };
  }

  /** A process that is alone during its whole attempt must get the lock. */
  #judge(local: Local): void {
    const others = this.#locals.filter((other) => other !== local);
    const alone = others.every(({ crashed }) => crashed) && local.crashesAtStart === this.#crashes;
    if (alone && local.got.at(-1) === false) this.fault ??= "the only process left did not get the lock";
  }

  /** What can happen next. */
  choices(): readonly Choice[] {
    const waiting = this.#locals.flatMap(({ pending, crashed }, id) => (pending !== undefined && !crashed ? [id] : []));
    const mayCrash = this.#crashes < this.#plan.crashes;
    return mayCrash ? [...waiting, ...waiting.map((id) => ~id)] : waiting;
  }

  async take(choice: Choice): Promise<void> {
    const local = this.#local(choice < 0 ? ~choice : choice);
    if (choice < 0) {
      local.crashed = true;
      this.#owners.delete(~choice);
      if (this.#kernelOwner === ~choice) this.#kernelOwner = undefined;
      this.#crashes += 1;
    } else {
      await this.#goOn(local);
    }
    if (this.choices().length === 0) await this.#judgeEnd();
  }

  async #goOn(local: Local): Promise<void> {
    const { pending } = local;
    local.pending = undefined;
    local.crashesAtStart ??= this.#crashes;
    pending?.go();
    await untilWaiting(local);
  }

  async #judgeEnd(): Promise<void> {
    if (this.#crashes === 0 && !this.#locals.some(({ got }) => got.includes(true))) {
      this.fault ??= "nobody ever got the lock";
    }
    if (this.fault === undefined) await this.#runLatecomer();
  }

  /** A process that starts after all others have ended or crashed must get the lock. */
  async #runLatecomer(): Promise<void> {
    const local = newLocal();
    const id = this.#locals.push(local) - 1;
    void this.#live(id);
    await untilWaiting(local);
    for (let steps = 0; local.pending !== undefined && steps < MOST_STEPS_ALONE; steps += 1) {
      const { go } = local.pending;
      local.pending = undefined;
      go();
      await untilWaiting(local);
    }
    if (!local.done || local.got.includes(false)) this.fault ??= "a process that came later did not get the lock";
  }

  /** Number of finished attempts of each process. */
  behind(): readonly number[] {
    return this.#locals.map(({ got }) => got.length);
  }

  /** Two simulations of one key go on alike. */
  key(): string {
    const locals = this.#locals.map(({ pending, seen, got, crashesAtStart, crashed, done }) =>
      [pending?.what, crashed, done, got, crashesAtStart, ...(crashed || done ? [] : seen)].join(";"),
    );
    return canonical([this.fs, ...locals, [...this.#owners], this.#kernelOwner].join("|"));
  }
}
