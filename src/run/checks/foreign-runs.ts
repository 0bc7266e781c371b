import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { isAncestor } from "../../lock/processes.ts";
import { ENTRY_COMMANDS, isDataDiff, type LockId, onlyReads, type PipelineId } from "../../pipeline-id.ts";
import { stat } from "../../storage/fs.ts";

/** A process that runs a pipeline and that this program did not start. */
export interface ForeignProcess {
  readonly pid: number;
  /** A PipelineWise command such as `run_tap`, or the name of the process's program. Shown to people. */
  readonly what: string;
}

/** PipelineWise's options that take a value (0.76 to 0.81), so that a value is not read as the command. */
const VALUE_OPTIONS: readonly string[] = [
  ...["--tap", "--target", "--taps", "--tables", "--dir", "--name", "--secret", "--string", "--log", "--table"],
  ...["--column", "--start_value", "--end_value", "--replication_method_only", "--check", "--iceberg-version"],
];

const COMMAND = /^[a-z][a-z0-9_]*$/;

/** Whether an argument is the option: `--tap`, or `--target` and the shorter forms that argparse accepts for it. */
const isOption = (word: string, option: "--tap" | "--target"): boolean =>
  word === option || (option === "--target" && /^--targ?e?$/.test(word));

/** Whether the arguments give the option this value, as argparse reads them: `--tap X` or `--tap=X`. */
function names(argv: readonly string[], option: "--tap" | "--target", value: string): boolean {
  return argv.some((word, index) => {
    const equals = word.indexOf("=");
    return equals === -1
      ? isOption(word, option) && argv[index + 1] === value
      : isOption(word.slice(0, equals), option) && word.slice(equals + 1) === value;
  });
}

/** Index of PipelineWise's program or image among the arguments; launchers such as `timeout` may precede it. -1: none. */
function programIndex(argv: readonly string[]): number {
  return argv.findIndex((word) => /^pipelinewise(?!-sched)/.test(basename(word)));
}

/** The PipelineWise command: the first argument after the program that is neither an option nor an option's value. */
function commandAfter(argv: readonly string[], program: number): string | undefined {
  return argv.find((word, index) => {
    if (index <= program || !COMMAND.test(word)) return false;
    const before = argv[index - 1] ?? "";
    return !VALUE_OPTIONS.includes(before) && !isOption(before, "--target");
  });
}

/** The PipelineWise command among a process's arguments; `undefined` where the process does not call PipelineWise. */
function findCommand(argv: readonly string[]): string | undefined {
  const program = programIndex(argv);
  if (program !== -1) return commandAfter(argv, program);
  // An image or script of another name is known by the command that it is given. Our own `run` names commands as well.
  const ours = argv.findIndex((word) => basename(word).startsWith("pipelinewise-sched"));
  if (ours !== -1) return undefined;
  return argv.find((word, index) => index > 0 && ENTRY_COMMANDS.some((command) => command === word));
}

/** The PipelineWise command that a process runs and that needs this lock; `undefined` when it runs none. */
export function commandFor(argv: readonly string[], lock: LockId): string | undefined {
  if (!names(argv, "--tap", lock.tap) || !names(argv, "--target", lock.target)) return undefined;
  const command = findCommand(argv);
  if (command === undefined || onlyReads(command)) return undefined;
  return isDataDiff(command) === (lock.dataDiff ?? false) ? command : undefined;
}

const CHUNK = 16_384;

/** Arguments that a process was started with; empty for a zombie, for a kernel thread, and for a process that has ended. */
export function argvOf(pid: number | string): readonly string[] {
  try {
    const file = openSync(`/proc/${pid}/cmdline`, "r");
    try {
      let text = "";
      // A long list of tables may precede the ids, so all of it is read; most processes need one read.
      for (;;) {
        const buffer = Buffer.allocUnsafe(CHUNK);
        const count = readSync(file, buffer);
        text += buffer.toString("latin1", 0, count);
        if (count < CHUNK) return Buffer.from(text, "latin1").toString("utf8").split("\0").slice(0, -1);
      }
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
  const directory = configDirOf(pid);
  if (directory === undefined) return false;
  try {
    // A process in a container sees the same directory by another path.
    const [theirs, ours] = await Promise.all([stat(join("/proc", pid, "root", directory)), stat(configDir)]);
    return theirs.dev === ours.dev && theirs.ino === ours.ino;
  } catch {
    return directory === configDir;
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
 * A process on this machine that runs PipelineWise for this pipeline, in the same config directory. Only the holder of the
 * lock may ask, before it has started anything: then the process is not its own. Without /proc none is seen.
 *
 * @param self our own pid: a launcher that started us (`timeout`, `flock`) has our arguments and runs nothing itself
 */
export async function findForeign(configDir: string, lock: LockId, self: number): Promise<ForeignProcess | undefined> {
  for (const pid of pidsHere()) {
    const what = commandFor(argvOf(pid), lock);
    if (what === undefined || isAncestor(Number(pid), self)) continue;
    if (await worksIn(pid, configDir)) return { pid: Number(pid), what };
  }
  return undefined;
}

/** Says what a live process runs. @param pipeline the one whose pidfile names the process */
export function describeProcess(pid: number, pipeline: PipelineId): string {
  const argv = argvOf(pid);
  const { tap, target } = pipeline;
  return commandFor(argv, { tap, target }) ?? basename(argv[0] ?? "a process that is hidden from this user");
}
