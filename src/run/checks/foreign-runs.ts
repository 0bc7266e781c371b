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

/** Commands of PipelineWise 0.81 that change data or state of a pipeline. */
const WRITING_COMMANDS: readonly string[] = [
  ...ENTRY_COMMANDS,
  ...["reset_state", "rerun_data_diff_check", "copy_native_to_iceberg"],
];

/** PipelineWise's options that take a value (0.76 to 0.81), so that a value is not read as the command. */
const VALUE_OPTIONS: readonly string[] = [
  ...["--tap", "--target", "--taps", "--tables", "--dir", "--name", "--secret", "--string", "--log", "--table"],
  ...["--column", "--start_value", "--end_value", "--replication_method_only", "--check", "--iceberg-version"],
  ...["--eventual", "--run-id", "--remediation-ref", "--output-format"],
];

/** Programs whose arguments are the command line of a container, which may have any name. */
const CONTAINER_CLIENTS: readonly string[] = ["docker", "podman", "nerdctl", "kubectl"];

const COMMAND = /^[a-z][a-z0-9_-]*$/;

const isPipelineWise = (word: string): boolean => /^pipelinewise(?!-sched)/.test(basename(word));
const isOurs = (word: string): boolean => /^pipelinewise-sched(\.cjs)?$/.test(basename(word));

/** Whether an argument is the given option. For `--target`, argparse also accepts shorter forms. */
const isPipelineOption = (word: string, option: "--tap" | "--target"): boolean =>
  word === option || (option === "--target" && /^--targ?e?$/.test(word));

/** Returns the values of an option in an argument list. Like argparse, it reads both `--tap X` and `--tap=X`. */
function valuesOf(argv: readonly string[], option: "--tap" | "--target"): readonly string[] {
  return argv.flatMap((word, index) => {
    const equals = word.indexOf("=");
    if (equals === -1) return isPipelineOption(word, option) ? (argv[index + 1] ?? []) : [];
    return isPipelineOption(word.slice(0, equals), option) ? word.slice(equals + 1) : [];
  });
}

/** Whether an argument of an interpreter is one of its options, or may be the value of one: `-u`, `-X dev`, `-c CODE`. */
const isInterpreterOption = (argv: readonly string[], index: number): boolean =>
  (argv[index] ?? "").startsWith("-") || (index > 1 && (argv[index - 1] ?? "").startsWith("-"));

/**
 * Arguments of the PipelineWise that a process runs; `undefined` when it runs none. The program is the first argument, or
 * follows an interpreter and its options. A launcher such as `timeout` or `tmux` does not count: what it has started is a
 * process of its own, and the launcher may outlive it.
 */
function argumentsOf(argv: readonly string[]): readonly string[] | undefined {
  if (argv.some(isOurs)) return undefined;
  if (CONTAINER_CLIENTS.includes(basename(argv[0] ?? ""))) {
    // A container may have that name as well, and a tap: the image or the program is followed by a command.
    const image = argv.findIndex((word, index) => {
      const next = argv[index + 1] ?? "";
      return isPipelineWise(word) && COMMAND.test(next) && !isPipelineWise(next);
    });
    const command = argv.findIndex((word) => WRITING_COMMANDS.includes(word));
    return image !== -1 ? argv.slice(image + 1) : command !== -1 ? argv.slice(command) : undefined;
  }
  for (const [index, word] of argv.entries()) {
    if (isPipelineWise(word)) return argv.slice(index + 1);
    if (index === 0 || isInterpreterOption(argv, index)) continue;
    // The script has another name: it is known by the command that it is given.
    return WRITING_COMMANDS.includes(argv[index + 1] ?? "") ? argv.slice(index + 1) : undefined;
  }
  return undefined;
}

/** The command among PipelineWise's arguments; `undefined` when there is none. */
function findCommand(args: readonly string[]): string | undefined {
  const [first = ""] = args;
  if (COMMAND.test(first)) return first;
  // Options come first. A word after an unknown option may be its value, so a word that is known to write goes first, then
  // one that may.
  const words = args.filter((word, index) => {
    const before = args[index - 1] ?? "";
    return COMMAND.test(word) && !VALUE_OPTIONS.includes(before) && !isPipelineOption(before, "--target");
  });
  return words.find((word) => WRITING_COMMANDS.includes(word)) ?? words.find((word) => !onlyReads(word)) ?? words[0];
}

/** The PipelineWise command that a process runs and that needs this lock; `undefined` when it runs none. */
export function commandFor(argv: readonly string[], { tap, target, dataDiff = false }: LockId): string | undefined {
  const args = argumentsOf(argv);
  const command = args === undefined ? undefined : findCommand(args);
  if (args === undefined || command === undefined || onlyReads(command)) return undefined;
  if (isDataDiff(command) !== dataDiff) return undefined;
  const [taps, targets] = [valuesOf(args, "--tap"), valuesOf(args, "--target")];
  const isNamed = taps.includes(tap) && targets.includes(target);
  // Data-diff checks of a whole target, or of everything.
  const isCovered = dataDiff && taps.length === 0 && (targets.includes(target) || args.includes("--all"));
  return isNamed || isCovered ? command : undefined;
}

const CHUNK = 16_384;

/**
 * Arguments that a process was started with; empty for a zombie, for a kernel thread, and for a process that has ended.
 */
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

/**
 * The config directory of a process, by its environment, as a path that this process can look up. "hidden" when the
 * environment of another user's process cannot be read; "unknown" when it names no directory.
 */
function configDirOf(pid: string): { readonly path: string; readonly named: string } | "hidden" | "unknown" {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    const of = (name: string) => environment.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
    const home = of("HOME");
    const named = of("PIPELINEWISE_CONFIG_DIRECTORY") ?? (home === undefined ? undefined : join(home, ".pipelinewise"));
    if (named === undefined) return "unknown";
    // A process in a container sees the same directory by another path.
    return { named, path: join("/proc", pid, named.startsWith("/") ? "root" : "cwd", named) };
  } catch {
    return "hidden";
  }
}

/**
 * Whether a process uses this config directory: two users, or a test beside production, may have pipelines of the same
 * names. The processes of other users are detected only by PipelineWise's pidfile.
 */
async function worksIn(pid: string, configDir: string): Promise<boolean> {
  const directory = configDirOf(pid);
  if (typeof directory === "string") return directory === "unknown";
  try {
    const [theirs, ours] = await Promise.all([stat(directory.path), stat(configDir)]);
    return theirs.dev === ours.dev && theirs.ino === ours.ino;
  } catch {
    return directory.named === configDir;
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
