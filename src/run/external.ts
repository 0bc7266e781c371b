import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { type PipelineId, TAP_COMMANDS } from "../command/request.ts";
import { stat } from "../files.ts";

/** A run of PipelineWise that we did not start. */
export interface ExternalProcess {
  readonly pid: number;
  /** The command that it was started with, such as `run_tap`. */
  readonly command: string;
}

const COMMANDS: readonly string[] = TAP_COMMANDS;

/** The value of an option as argparse reads it: `--tap X` or `--tap=X`. */
function optionValue(words: readonly string[], option: string): string | undefined {
  const at = words.indexOf(option);
  if (at !== -1) return words[at + 1];
  return words.find((word) => word.startsWith(`${option}=`))?.slice(option.length + 1);
}

/**
 * The PipelineWise command that a process's words run for a pipeline; `undefined` when they run none. Our own wrappers
 * name commands too, but they run none.
 */
export function commandFor(words: readonly string[], { tap, target }: PipelineId): string | undefined {
  if (optionValue(words, "--tap") !== tap || optionValue(words, "--target") !== target) return undefined;
  if (words.slice(0, 3).some((word) => basename(word).startsWith("pipelinewise-sched"))) return undefined;
  return words.find((word, index) => index > 0 && COMMANDS.includes(word));
}

const buffer = Buffer.alloc(16_384);

/** The words that a process was started with; none for a zombie, for the kernel's own, and for one that is gone. */
export function wordsOf(pid: number | string): readonly string[] {
  try {
    // Three calls a process: `readFileSync` makes five, and a machine may have a thousand.
    const file = openSync(`/proc/${pid}/cmdline`, "r");
    try {
      return buffer.toString("utf8", 0, readSync(file, buffer)).split("\0").slice(0, -1);
    } finally {
      closeSync(file);
    }
  } catch {
    return [];
  }
}

/** The config directory of a process, by its environment; a process whose environment is hidden tells none. */
function configDirOf(pid: string): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    const of = (name: string) => environment.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
    return of("PIPELINEWISE_CONFIG_DIRECTORY") ?? join(of("HOME") ?? "", ".pipelinewise");
  } catch {
    return undefined;
  }
}

/**
 * Whether a process works in our config directory: two users, or a trial beside the real thing, may have pipelines of the
 * same names. Of another user's process only PipelineWise's pidfile tells.
 */
async function worksIn(pid: string, configDir: string): Promise<boolean> {
  const folder = configDirOf(pid);
  if (folder === undefined) return false;
  try {
    // A process in a container sees the same folder by another path.
    const [theirs, ours] = await Promise.all([stat(join("/proc", pid, "root", folder)), stat(configDir)]);
    return theirs.dev === ours.dev && theirs.ino === ours.ino;
  } catch {
    return folder === configDir;
  }
}

function pidsHere(): readonly string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/**
 * A process on this machine that runs the pipeline, in the same config directory. To be asked by who holds the lock and
 * has started nothing yet: then it is not ours. Without /proc none is seen.
 */
export async function findExternal(configDir: string, pipeline: PipelineId): Promise<ExternalProcess | undefined> {
  for (const pid of pidsHere()) {
    const command = commandFor(wordsOf(pid), pipeline);
    if (command !== undefined && (await worksIn(pid, configDir))) return { pid: Number(pid), command };
  }
  return undefined;
}
