import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { ENTRY_COMMANDS, isDataDiff, type LockId, onlyReads, type PipelineId } from "../command/request.ts";
import { stat } from "../files.ts";
import { isAncestor } from "../lock/process-table.ts";

/** A process that runs a pipeline and that this program did not start. */
export interface ForeignProcess {
  readonly pid: number;
  /** What it runs, for people: a PipelineWise command such as `run_tap`, or the name of its program. */
  readonly what: string;
}

/** PipelineWise's options that take a value (0.76 to 0.81), so that a value is not read as the command. */
const VALUE_OPTIONS: readonly string[] = [
  ...["--tap", "--target", "--taps", "--tables", "--dir", "--name", "--secret", "--string", "--log", "--table"],
  ...["--column", "--start_value", "--end_value", "--replication_method_only", "--check", "--iceberg-version"],
];

const COMMAND = /^[a-z][a-z0-9_]*$/;

/** Whether an option's word is `--tap`, `--target` or a shorter form that argparse takes for `--target` too. */
const isOption = (word: string, option: "--tap" | "--target"): boolean =>
  word === option || (option === "--target" && /^--targ?e?$/.test(word));

/** Whether the words give the option this value, as argparse reads them: `--tap X` or `--tap=X`. */
function names(words: readonly string[], option: "--tap" | "--target", value: string): boolean {
  return words.some((word, index) => {
    const equals = word.indexOf("=");
    return equals === -1
      ? isOption(word, option) && words[index + 1] === value
      : isOption(word.slice(0, equals), option) && word.slice(equals + 1) === value;
  });
}

/** Where PipelineWise's program or image stands among the words; launchers such as `timeout` may stand before it. */
function programIndex(words: readonly string[]): number {
  return words.findIndex((word) => /^pipelinewise(?!-sched)/.test(basename(word)));
}

/** The command of a PipelineWise that stands at `program`: the first word that is neither an option nor its value. */
function commandAfter(words: readonly string[], program: number): string | undefined {
  return words.find((word, index) => {
    if (index <= program || !COMMAND.test(word)) return false;
    const before = words[index - 1] ?? "";
    return !VALUE_OPTIONS.includes(before) && !isOption(before, "--target");
  });
}

/** The PipelineWise command in a process's words; `undefined` where they call none. */
function findCommand(words: readonly string[]): string | undefined {
  const program = programIndex(words);
  if (program !== -1) return commandAfter(words, program);
  // An image or script of another name is known by the command that it is given. Our own `run` names commands as well.
  const ours = words.findIndex((word) => basename(word).startsWith("pipelinewise-sched"));
  if (ours !== -1) return undefined;
  return words.find((word, index) => index > 0 && ENTRY_COMMANDS.some((command) => command === word));
}

/** The PipelineWise command that a process's words run and that needs this lock; `undefined` when they run none. */
export function commandFor(words: readonly string[], lock: LockId): string | undefined {
  if (!names(words, "--tap", lock.tap) || !names(words, "--target", lock.target)) return undefined;
  const command = findCommand(words);
  if (command === undefined || onlyReads(command)) return undefined;
  return isDataDiff(command) === (lock.dataDiff ?? false) ? command : undefined;
}

const CHUNK = 16_384;

/** The words that a process was started with; none for a zombie, for the kernel's own, and for one that is gone. */
export function wordsOf(pid: number | string): readonly string[] {
  try {
    const file = openSync(`/proc/${pid}/cmdline`, "r");
    try {
      let text = "";
      // A long list of tables may stand before the ids, so all of it is read; most processes need one read.
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
 * @param self our own pid: a launcher that started us (`timeout`, `flock`) bears our words and runs nothing itself
 */
export async function findForeign(configDir: string, lock: LockId, self: number): Promise<ForeignProcess | undefined> {
  for (const pid of pidsHere()) {
    const what = commandFor(wordsOf(pid), lock);
    if (what === undefined || isAncestor(Number(pid), self)) continue;
    if (await worksIn(pid, configDir)) return { pid: Number(pid), what };
  }
  return undefined;
}

/** What a live process runs, for people. @param pipeline whose pidfile names it */
export function describeProcess(pid: number, pipeline: PipelineId): string {
  const words = wordsOf(pid);
  const { tap, target } = pipeline;
  return commandFor(words, { tap, target }) ?? basename(words[0] ?? "a process that is hidden from this user");
}
