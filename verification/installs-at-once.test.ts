import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { readHistory } from "../src/history/read.ts";
import { digestOf } from "../src/installed/compile.ts";
import { readStored } from "../src/installed/store.ts";
import { findBlocks } from "../src/schedulers/cron/block.ts";
import { statePaths } from "../src/storage/paths.ts";
import { lot } from "./rig/lot.ts";
import type { PrivateCron } from "./rig/private-cron.ts";
import { importProject, listCrontab, STAND_IN, sched, schedWell, testMachine } from "./rig/product.ts";
import { describeOnRealCron } from "./rig/suite.ts";

const OWN_LINES = "# my own jobs\n10 * * * * /bin/true mine\n";
const ROUNDS = 10;
/** Within about that time an install has read, changed and written all. */
const MOMENTS_MS = 500;
const PAIR = ["--tap", "microserv_1", "--target", "redshift"];

/** A schedule that has the pipeline of the run, and so many others. */
function writeSchedule(machine: PrivateCron, name: string, cron: string, others: number): string {
  const file = join(machine.directory, name);
  const taps = Array.from({ length: 1 + others }, (_, at) => `microserv_${at + 1}`);
  const lines = taps.map((tap) => `  - {tap: ${tap}, target: redshift, cron: "${cron}"}\n`);
  writeFileSync(file, `pipelines:\n${lines.join("")}`);
  return file;
}

/** Checks that the crontab and the stored files contain one complete schedule. @returns its file and its number of lines */
async function installed(machine: PrivateCron): Promise<{ readonly source: string; readonly lines: number }> {
  const crontab = await listCrontab(machine);
  expect(crontab.startsWith(OWN_LINES)).toBe(true);
  const blocks = findBlocks(crontab);
  expect(blocks.map(({ mark, end }) => ({ name: mark.name, end }))).toEqual([
    { name: "pipelinewise", end: crontab.length },
  ]);
  const [block] = blocks;
  const paths = statePaths(join(machine.home, ".pipelinewise"));
  const stored = await readStored(paths, "pipelinewise", { name: hostname(), uid: 0, root: "/" });
  if (block === undefined || stored?.host === undefined) throw new Error("nothing is installed");
  expect(stored.host.lines).toEqual(block.lines);
  expect(stored.host.meaningDigest).toBe(digestOf(stored.scheduleText));
  expect(stored.storedSchedule.source.path).toBe(block.mark.source);
  return { source: block.mark.source, lines: stored.storedSchedule.entries.length };
}

describeOnRealCron("two installs and two runs at once", () => {
  test("leave one of the two schedules, whole; the run by hand runs, the scheduled one runs or says why not", async () => {
    const machine = await testMachine();
    await importProject(machine, join(STAND_IN, "project"));
    await machine.setCrontab(OWN_LINES);
    const small = writeSchedule(machine, "small.yml", "* * * * *", 0);
    const large = writeSchedule(machine, "large.yml", "*/1 * * * *", 4);
    await schedWell(machine, ["install", small]);
    const draw = lot(20261123);
    const later = async (words: readonly string[]) => {
      await sleep(draw(MOMENTS_MS));
      return sched(machine, words);
    };
    const lasted = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const [one, other, byHand, byCron] = await Promise.all([
        later(["install", small, "--replace"]),
        later(["install", large, "--replace"]),
        later(["run", ...PAIR]),
        later(["run", "--scheduled", ...PAIR]),
      ]);
      expect([one, other]).toEqual([expect.objectContaining({ code: 0 }), expect.objectContaining({ code: 0 })]);
      // Both want the same pipeline: one of them may be the other's overlap.
      for (const { code, stderr } of [byHand, byCron]) {
        if (code !== 0) expect({ code, stderr }).toEqual({ code: 75, stderr: expect.stringContaining("skipped (") });
      }
      const { source, lines } = await installed(machine);
      expect({ source, lines }).toEqual(source === small ? { source: small, lines: 1 } : { source: large, lines: 5 });
      lasted.add(source);
    }
    // Either may be the last: else this has shown nothing.
    expect([...lasted].sort()).toEqual([large, small]);
    const { runs, faults } = await readHistory(statePaths(join(machine.home, ".pipelinewise")));
    expect(faults).toEqual([]);
    expect(runs).toHaveLength(2 * ROUNDS);
    expect(new Set(runs.map(({ outcome }) => outcome))).toEqual(new Set(["succeeded", "skipped"]));
  });
});
