import { closeSync, openSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { environmentOf } from "../../lock/processes.ts";
import { ENTRY_COMMANDS, isDataDiff, type LockId, mainLockOf, onlyReads, type PipelineId } from "../../pipeline-id.ts";
import { stat } from "../../storage/fs.ts";
import { isAncestor, listPids } from "../../system/proc.ts";

/** A process that runs a pipeline and that this program did not start. */
export interface ForeignProcess {
  readonly pid: number;
  /** Text for people: a PipelineWise command such as `run_tap`, or the name of the program. */
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
/** This program, or a container image of it. */
const isOurs = (word: string): boolean => /^pipelinewise-sched(\.cjs)?([:@].*)?$/.test(basename(word));

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
export function commandFor(argv: readonly string[], { tap, target, dataDiff }: LockId): string | undefined {
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
export function argvOf(pid: number): readonly string[] {
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

/** On a busy machine the start of a program takes long. Few processes that run PipelineWise have no environment. */
const ENVIRONMENT_LOOKS = 100;

/**
 * The config directory of a process, by its environment, as a path that this process can look up. "hidden" when the
 * process has ended or belongs to another user; "unknown" when its environment names no directory.
 */
async function configDirOf(
  pid: number,
): Promise<{ readonly path: string; readonly named: string } | "hidden" | "unknown"> {
  const environment = (await environmentOf(pid, ENVIRONMENT_LOOKS))?.split("\0");
  if (environment === undefined) return "hidden";
  const of = (name: string) => environment.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const home = of("HOME");
  const named = of("PIPELINEWISE_CONFIG_DIRECTORY") ?? (home === undefined ? undefined : join(home, ".pipelinewise"));
  if (named === undefined) return "unknown";
  // A process in a container sees the same directory by another path.
  return { named, path: join("/proc", String(pid), named.startsWith("/") ? "root" : "cwd", named) };
}

/**
 * Whether a process uses this config directory. Two users, or a test and production, may have pipelines of the same names.
 * The processes of other users are found only by PipelineWise's pidfile.
 */
async function usesConfigDir(pid: number, configDir: string): Promise<boolean> {
  const directory = await configDirOf(pid);
  if (typeof directory === "string") return directory === "unknown";
  try {
    const [theirs, ours] = await Promise.all([stat(directory.path), stat(configDir)]);
    return theirs.dev === ours.dev && theirs.ino === ours.ino;
  } catch {
    return directory.named === configDir;
  }
}

/** The arguments of a start of this program, from `run` on; none if there is no `run`. A tap may have that name too. */
export function startArguments(argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((word, index) => word === "run" && argv[index - 1]?.startsWith("--") !== true);
  return at === -1 ? [] : argv.slice(at);
}

/**
 * Whether arguments end with those of a start of this program, as a launcher's do. PipelineWise has no command `run`.
 */
export const endsWith = (argv: readonly string[], start: readonly string[]): boolean =>
  start.length > 0 && start.every((word, index) => argv[argv.length - start.length + index] === word);

/** Finds a process on this machine that runs PipelineWise for a pipeline. */
export type FindForeignProcess = (lock: LockId) => Promise<ForeignProcess | undefined>;

/**
 * Looks at all processes once. The result finds those that run PipelineWise for one pipeline, in the same config
 * directory. Without /proc it finds none.
 *
 * @param self pid of this process. A launcher of this process has its arguments and does not count, whether it is an
 * ancestor (`timeout`, `flock`) or not (`systemd-run --wait`)
 * @param isOurs whether a process belongs to a run of this program, for a search while such runs may be running
 */
export function searchForeignProcesses(
  configDir: string,
  self: number,
  isOurs: (pid: number) => boolean = () => false,
): FindForeignProcess {
  const ours = startArguments(argvOf(self));
  const candidates = (listPids() ?? [])
    .map((pid) => ({ pid, argv: argvOf(pid) }))
    .filter(({ argv }) => argumentsOf(argv) !== undefined && !endsWith(argv, ours))
    .filter(({ pid }) => !isAncestor(pid, self) && !isOurs(pid));
  return async (lock) => {
    for (const { pid, argv } of candidates) {
      const what = commandFor(argv, lock);
      if (what !== undefined && (await usesConfigDir(pid, configDir))) return { pid, what };
    }
    return undefined;
  };
}

/**
 * Finds a process on this machine that runs PipelineWise for this pipeline, in the same config directory. Only the
 * lock's holder may call it, before it has started anything, or `stop` while nobody has the lock, so that the process
 * is not a run's own.
 */
export const findForeignProcess = (
  configDir: string,
  lock: LockId,
  self: number,
): Promise<ForeignProcess | undefined> => searchForeignProcesses(configDir, self)(lock);

/** Describes what a running process does. @param pipeline the pipeline whose pidfile names the process */
export function describeProcess(pid: number, pipeline: PipelineId): string {
  const argv = argvOf(pid);
  return commandFor(argv, mainLockOf(pipeline)) ?? basename(argv[0] ?? "a process that is hidden from this user");
}
