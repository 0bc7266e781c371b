import { rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { limited, type Start } from "./limited.ts";

const TAPS = ["a", "b", "c", "d", "e", "f"];
const PLACES = 2;
/** Longest time between two kills. A pipeline runs for 200 ms. */
const LONGEST_MS = 250;

/**
 * Keeps six starts running or waiting for two places. In each round it kills one of them with SIGKILL, while that start
 * waits or has a place. Fails if more than two pipelines ever run, or if a place is lost.
 *
 * @param draw gives a whole number from 0 to below its argument
 */
export async function killAtRandom(rounds: number, draw: (below: number) => number): Promise<void> {
  const { box, start, go, notes, filesIn, untilQueued, untilBegan } = limited(TAPS, { target: { redshift: PLACES } });
  writeFileSync(box.file("short"), "");
  const running = new Map<string, Start>();
  for (let round = 0; round < rounds; round += 1) {
    for (const tap of TAPS) {
      if (running.has(tap)) continue;
      const begun = start(tap);
      running.set(tap, begun);
      void begun.done.then(() => running.delete(tap));
    }
    await sleep(draw(LONGEST_MS));
    const alive = [...running.values()];
    const victim = alive[draw(alive.length)];
    victim?.child.kill("SIGKILL");
    await victim?.done;
    expect(notes().filter((note) => note.startsWith("too many"))).toEqual([]);
  }
  for (const { done } of running.values()) await done;
  // No place is lost: as many as the limit run at once, and one more waits.
  rmSync(box.file("short"));
  writeFileSync(box.file("notes"), "");
  const starts: Start[] = [];
  for (const tap of ["a", "b"]) {
    starts.push(await startUntilItRuns(tap));
    await untilBegan(tap);
  }
  starts.push(start("c"));
  await untilQueued(1);
  go();
  for (const { done } of starts) expect((await done).code).toBe(0);
  expect(notes().filter((note) => note.startsWith("too many"))).toEqual([]);
  expect(filesIn("queue")).toEqual([]);
  expect(filesIn("target", "redshift")).toEqual([]);

  /** A process of a killed run may still be running for a moment, and its pipeline is then skipped. */
  async function startUntilItRuns(tap: string): Promise<Start> {
    for (;;) {
      const begun = start(tap);
      const skipped = await Promise.race([begun.done.then(() => true), untilBegan(tap).then(() => false)]);
      if (!skipped) return begun;
    }
  }
}
