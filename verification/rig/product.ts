import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { onTestFinished } from "vitest";
import { type Finished, SYSTEM_PATH } from "../../test/support/run-program.ts";
import { type PrivateCron, startPrivateCron } from "./private-cron.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");
/** The stand-in for PipelineWise: a directory with a program `pipelinewise`. */
export const STAND_IN = resolve("examples/stand-in");

/** A cron machine that goes when the test ends. */
export async function testMachine(zone?: string): Promise<PrivateCron> {
  const machine = await startPrivateCron(zone);
  onTestFinished(() => machine.stop(), 30_000);
  return machine;
}

/** Runs the built program inside, with the stand-in for PipelineWise first on the PATH. @param before directories in front of it */
export async function sched(
  machine: PrivateCron,
  words: readonly string[],
  before: readonly string[] = [],
): Promise<Finished> {
  if (!existsSync("dist")) throw new Error("there is no dist/: `npm run build` first");
  return machine.run([process.execPath, PROGRAM, ...words], {
    env: { PATH: [...before, STAND_IN, SYSTEM_PATH].join(":") },
  });
}

/** The same, where it must succeed. @returns its stdout */
export async function schedWell(machine: PrivateCron, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await sched(machine, words);
  if (code !== 0) throw new Error(`pipelinewise-sched ${words.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** Has the stand-in import a project, so that PipelineWise's own configuration stands in the machine's home. */
export async function importProject(machine: PrivateCron, directory: string): Promise<void> {
  const { code, stdout, stderr } = await machine.run([
    process.execPath,
    `${STAND_IN}/pipelinewise`,
    "import",
    "--dir",
    directory,
  ]);
  if (code !== 0) throw new Error(`the stand-in's import ended with ${code}:\n${stdout}${stderr}`);
}

/** Root's crontab as `crontab -l` prints it. */
export async function listCrontab(machine: PrivateCron): Promise<string> {
  const { code, stdout, stderr } = await machine.run(["crontab", "-l"]);
  if (code !== 0) throw new Error(`crontab -l ended with ${code}: ${stderr}`);
  return stdout;
}
