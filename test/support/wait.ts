import { existsSync, readFileSync } from "node:fs";
import { onTestFinished, vi } from "vitest";

const LIMIT_MS = 60_000;

/**
 * Asks again and again until there is an answer, less often as time goes by.
 *
 * @throws an error with `what` if there is no answer within the time
 */
export async function waitFor<T>(
  what: string,
  withinMs: number,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const begun = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    const waited = performance.now() - begun;
    if (waited > withinMs) throw new Error(`this did not happen within ${withinMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(200, 5 + waited / 10)));
  }
}

/** Waits until a condition holds. @throws an error with `what` after a minute */
export async function until(what: string, holds: () => boolean): Promise<void> {
  await waitFor(what, LIMIT_MS, () => (holds() ? true : undefined));
}

/** Reads a value again and again until it is accepted. Only the test's own time limit ends it. */
export async function poll<T>(read: () => Promise<T> | T, accepts: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (accepts(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const untilFile = (path: string): Promise<void> => until(`${path} exists`, () => existsSync(path));

/** The pid that a script writes into a file, once the file is complete. */
export async function pidIn(path: string): Promise<number> {
  await until(`${path} contains a pid`, () => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"));
  return Number(readFileSync(path, "utf8"));
}

/**
 * Watches for the timer of a duration, which the test can let expire at once. Other timers go on, because a run pauses when
 * it looks at a process without an environment, and any process of the machine may have none.
 *
 * @returns resolves to the timer and what it calls, once it is set
 */
export function watchTimer(
  durationMs: number,
): () => Promise<{ readonly timer: unknown; readonly expire: () => void }> {
  const { mock } = vi.spyOn(globalThis, "setTimeout");
  const find = () => mock.calls.findIndex(([, ms]) => ms === durationMs);
  return async () => {
    await until("the timer is set", () => find() !== -1);
    return { timer: mock.results[find()]?.value, expire: mock.calls[find()]?.[0] as () => void };
  };
}

/** Stops the timers of this test. The test advances them by hand: `vi.advanceTimersByTime`. */
export function freezeTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Waits until a condition holds while the timers stand still. Only the test's own time limit ends it. */
export async function untilFrozen(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

/** As `pidIn`, while the timers stand still. */
export async function pidInFrozen(path: string): Promise<number> {
  await untilFrozen(() => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"));
  return Number(readFileSync(path, "utf8"));
}
