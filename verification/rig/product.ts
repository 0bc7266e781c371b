import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { onTestFinished } from "vitest";
import { type Finished, SYSTEM_PATH } from "./child.ts";
import { type PrivateCron, startPrivateCron } from "./private-cron.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");
/** The stand-in for PipelineWise: a folder with a program `pipelinewise`. */
export const STAND_IN = resolve("examples/stand-in");

/** A cron world that goes when the test ends. */
export async function testWorld(zone?: string): Promise<PrivateCron> {
  const world = await startPrivateCron(zone);
  onTestFinished(() => world.stop(), 30_000);
  return world;
}

/** Runs the built program inside, with the stand-in for PipelineWise first on the PATH. @param before folders in front of it */
export async function sched(
  world: PrivateCron,
  words: readonly string[],
  before: readonly string[] = [],
): Promise<Finished> {
  if (!existsSync("dist")) throw new Error("there is no dist/: `npm run build` first");
  return world.run([process.execPath, PROGRAM, ...words], {
    env: { PATH: [...before, STAND_IN, SYSTEM_PATH].join(":") },
  });
}

/** The same, where it must succeed. @returns its stdout */
export async function schedWell(world: PrivateCron, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await sched(world, words);
  if (code !== 0) throw new Error(`pipelinewise-sched ${words.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** Has the stand-in import a project, so that PipelineWise's own configuration stands in the world's home. */
export async function importProject(world: PrivateCron, folder: string): Promise<void> {
  const { code, stdout, stderr } = await world.run([
    process.execPath,
    `${STAND_IN}/pipelinewise`,
    "import",
    "--dir",
    folder,
  ]);
  if (code !== 0) throw new Error(`the stand-in's import ended with ${code}:\n${stdout}${stderr}`);
}

/** Root's crontab as `crontab -l` prints it. */
export async function listCrontab(world: PrivateCron): Promise<string> {
  const { code, stdout, stderr } = await world.run(["crontab", "-l"]);
  if (code !== 0) throw new Error(`crontab -l ended with ${code}: ${stderr}`);
  return stdout;
}
