import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { leadsGroup, pipelineProcesses, sendSignal } from "../test/support/processes.ts";
import { ended, runToEnd } from "../test/support/run-program.ts";
import { PAIR_WORDS, sandbox } from "../test/support/sandbox.ts";
import { waitFor } from "../test/support/wait.ts";
import { lot } from "./rig/lot.ts";

/** `PWS_LOCK_ROUNDS=200` takes as many of each kind as the contract names. */
const KILLS = Number(process.env["PWS_LOCK_ROUNDS"] ?? 8);
const KILL_MS = 3_000;
const PROGRAM = [process.execPath, resolve("bin/pipelinewise-sched.cjs"), "run", ...PAIR_WORDS];
/** Times from before the program reads its first line to its running pipeline, on a quiet machine. */
const START_MS = 200;
/** From the pipeline's first line to after the program's end. */
const WORK_MS = 600;

/**
 * Stands for PipelineWise: a pipe whose parts end one after the other, only the first with the lock as its stdin. All of
 * them hold a lock of their own, so a pipeline that begins while a process of another run is running records that.
 */
const PIPELINE = `cd "$(dirname "$0")"
exec 9>>guard
flock -n 9 || echo "two at once" >>notes
echo began >>notes
sleep 0.2 | sleep 0.4`;

/** A sandbox where the pipeline can be started, also as the leader of a process group. */
function workshop() {
  const box = sandbox(PIPELINE);
  const env = { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" };
  const notesFile = join(box.bin, "notes");
  return {
    box,
    start(): { readonly pid: number; readonly gone: Promise<unknown> } {
      const [program = "", ...words] = PROGRAM;
      const child = spawn(program, words, { env, cwd: box.home, stdio: "ignore", detached: true });
      if (child.pid === undefined) throw new Error(`${program} cannot be started`);
      return { pid: child.pid, gone: ended(child) };
    },
    /** A start as each minute brings one: it runs, or says why not. @returns whether it ran */
    async next(): Promise<true | undefined> {
      const { code, stderr } = await runToEnd(PROGRAM, { env, cwd: box.home });
      if (code === 0) return true;
      expect({ code, stderr }).toEqual({ code: 75, stderr: expect.stringMatching(/skipped \((overlap|external)\)/) });
      return undefined;
    },
    /** How often a pipeline began; `two at once` if ever. */
    notes: () => (existsSync(notesFile) ? readFileSync(notesFile, "utf8").split("\n").slice(0, -1) : []),
    runs: async () => (await box.records()).filter(({ outcome }) => outcome !== "skipped"),
    locks: () => readdirSync(join(box.paths.root, "locks", "redshift")),
  };
}

/** The processes to kill: the wrapper, which leads a group, and its pipeline, if it has started. */
const KINDS: readonly { who: string; victims: (wrapper: number, pipeline: readonly number[]) => readonly number[] }[] =
  [
    { who: "the wrapper", victims: (wrapper) => [wrapper] },
    { who: "the leader of the pipeline", victims: (_, pipeline) => pipeline },
    { who: "the wrapper and the leader", victims: (wrapper, pipeline) => [wrapper, ...pipeline] },
    { who: "the pipeline's whole group", victims: (_, pipeline) => pipeline.map((leader) => -leader) },
    { who: "the groups of both", victims: (wrapper, pipeline) => [-wrapper, ...pipeline.map((leader) => -leader)] },
  ];

describe(`kill -9, ${KILLS} times at moments drawn by lot`, () => {
  test.each(KINDS)(
    "of $who: never two runs at once, the next start runs, and each run is recorded once",
    async ({ who, victims }) => {
      const draw = lot(20261123 + KINDS.findIndex((kind) => kind.who === who));
      const { start, next, notes, runs, locks } = workshop();
      for (let round = 0; round < KILLS; round += 1) {
        const [begunBefore, toldBefore] = [notes().length, (await runs()).length];
        const { pid, gone } = start();
        if (draw(2) === 0) await sleep(draw(START_MS));
        else {
          await waitFor("its pipeline", 60_000, () => notes().length > begunBefore || undefined);
          await sleep(draw(WORK_MS));
        }
        for (const victim of victims(pid, pipelineProcesses(pid).filter(leadsGroup))) sendSignal(victim, "SIGKILL");
        await waitFor("a start that runs", 60_000, next);
        await gone;
        const begun = notes().length - begunBefore;
        const told = (await runs()).length - toldBefore;
        expect(notes()).not.toContain("two at once");
        // A wrapper that had the lock is recorded even if its pipeline had not started.
        expect(told).toBeGreaterThanOrEqual(begun);
        expect(told).toBeLessThanOrEqual(2);
      }
      const ids = (await runs()).map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(locks()).toEqual(["microserv_1.flock"]);
    },
    60_000 + KILLS * KILL_MS,
  );
});
