import { connectorIdFault, ENTRY_COMMANDS, nameFault, onlyReads } from "../command/request.ts";
import { UsageError } from "../errors.ts";
import type { RunRequest } from "../run/request.ts";

/** A word that `run` knows. With `value` it takes one, named so in the help. */
interface RunOption {
  readonly name: string;
  readonly value?: string;
  readonly help: string;
}

/** All that `run` accepts: read by the short door, and shown as help by the other. */
export const RUN_OPTIONS = [
  { name: "tap", value: "ID", help: "tap to run" },
  { name: "target", value: "ID", help: "target to load into" },
  {
    name: "command",
    value: "NAME",
    help: `a command of PipelineWise's: ${ENTRY_COMMANDS.join(", ")}; by hand also others, such as reset_state (default: run_tap)`,
  },
  { name: "id", value: "ID", help: "which entry, where the schedule has several of this tap, target and command" },
  { name: "schedule", value: "NAME", help: "installed schedule to take the entry from" },
  { name: "file", value: "FILE", help: "schedule file to take the entry from, instead of what is installed" },
  { name: "config-dir", value: "DIR", help: "PipelineWise's config directory" },
  { name: "dry-run", help: "show what would be executed; write nothing" },
  { name: "scheduled", help: "as a scheduler calls it: print nothing but the report of a failure; a skip is 0" },
  {
    name: "slot",
    value: "TIME",
    help: "with --scheduled: the due time that this start is for, ISO 8601 with its offset or @ and epoch seconds",
  },
  { name: "again", help: "with --slot: run it although it was run or skipped before" },
  {
    name: "tell-missed",
    help: "with --scheduled: record as skipped what came due while the run was at work (systemd)",
  },
  { name: "output", help: "with --scheduled: pass the pipeline's output through, and say it when skipped" },
  {
    name: "stop-within",
    value: "SECONDS",
    help: "kill what is left of it so long after a stop began, 2 to 45 (default: 45)",
  },
  { name: "skip-exit-code", value: "N", help: "end a skipped run with N, 1 to 255 (Airflow: 99)" },
] as const satisfies readonly RunOption[];

type OptionName = (typeof RUN_OPTIONS)[number]["name"];

const OPTIONS: readonly (RunOption & { readonly name: OptionName })[] = RUN_OPTIONS;

/** What stands behind `run` in the help, beside the options. */
export const RUN_EXTRA_WORDS =
  "Words behind -- are given to PipelineWise's command: run --tap T --target G -- --extra_log";

const HELP_HINT = "See: pipelinewise-sched run --help";

interface Words {
  readonly values: ReadonlyMap<OptionName, string | true>;
  readonly extraArgs: readonly string[];
}

function optionNamed(raw: string): (typeof OPTIONS)[number] {
  const option = OPTIONS.find(({ name }) => raw === `--${name}`);
  if (option !== undefined) return option;
  const known = OPTIONS.map((one) => `--${one.name}`).join(" ");
  throw new UsageError(
    `run does not know the option ${raw}`,
    `It knows ${known}, and -- before words for PipelineWise.`,
  );
}

/**
 * The words by name: `--name`, `--name VALUE`, `--name=VALUE`; behind `--` they are PipelineWise's. By hand, because
 * util.parseArgs costs each tick a thirtieth of node's own start, and its messages speak of its API, not of ours.
 */
function splitWords(argv: readonly string[]): Words {
  const terminator = argv.indexOf("--");
  const end = terminator === -1 ? argv.length : terminator;
  const values = new Map<OptionName, string | true>();
  for (let index = 0; index < end; index++) {
    const word = argv[index] ?? "";
    if (!word.startsWith("-") || word === "-") {
      throw new UsageError(
        `run does not know what to do with the word ${JSON.stringify(word)}`,
        "Words for PipelineWise's command go behind --.",
      );
    }
    const equals = word.indexOf("=");
    const { name, value: placeholder } = optionNamed(equals === -1 ? word : word.slice(0, equals));
    if (values.has(name)) throw new UsageError(`--${name} is given twice`);
    const inline = equals === -1 ? undefined : word.slice(equals + 1);
    if (placeholder === undefined) {
      if (inline !== undefined) {
        throw new UsageError(`--${name} takes no value, and was given ${JSON.stringify(inline)}`);
      }
      values.set(name, true);
      continue;
    }
    if (inline === undefined) index++;
    const next = index < end ? argv[index] : undefined;
    // The word behind may be the next option: `--tap --target redshift`.
    const value = inline ?? (next?.startsWith("-") ? undefined : next);
    if (value === undefined || value === "") {
      throw new UsageError(`--${name} needs a value`, `Such as: --${name} ${placeholder}`);
    }
    values.set(name, value);
  }
  return { values, extraArgs: argv.slice(end + 1) };
}

function checkedWord(name: string, word: string, faultOf: (word: string) => string | undefined): string {
  const fault = faultOf(word);
  if (fault !== undefined) throw new UsageError(`--${name}: ${JSON.stringify(word)} ${fault}`);
  return word;
}

const COMMAND = /^[a-z][a-z0-9_]{0,63}$/;
/** Commands that are about no single pipeline. */
const NOT_OF_A_PIPELINE = ["init", "import", "import_config"];

/** Throws for a word that is no PipelineWise command, and for a command that must not or need not run under the lock. */
function assertCommandForLock(command: string): void {
  const given = `--command: ${JSON.stringify(command)}`;
  if (!COMMAND.test(command)) {
    throw new UsageError(
      `${given} is not the name of a PipelineWise command`,
      `Name one such as ${ENTRY_COMMANDS.join(", ")} or reset_state; write its options after --.`,
    );
  }
  if (command === "stop_tap") {
    throw new UsageError(
      `${given} only removes PipelineWise's pidfile: the run goes on, and a second one can start beside it`,
      "Stop the run instead: pipelinewise-sched stop --tap ID --target ID",
    );
  }
  if (onlyReads(command) || NOT_OF_A_PIPELINE.includes(command)) {
    throw new UsageError(`${given} does not need a pipeline's lock`, `Run it directly: pipelinewise ${command} …`);
  }
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/;

const EPOCH_SECONDS = /^@\d{1,11}$/;

function slot(text: string): Date {
  const at = EPOCH_SECONDS.test(text)
    ? new Date(Number(text.slice(1)) * 1000)
    : new Date(INSTANT.test(text) ? text.replace(/([+-]\d\d)(\d\d)$/, "$1:$2") : Number.NaN);
  if (!Number.isNaN(at.getTime())) return at;
  throw new UsageError(
    `--slot: ${JSON.stringify(text)} is no instant`,
    "Write it with its offset: 2026-10-25T01:30:00Z or 2026-10-25T01:30+01:00.",
  );
}

/**
 * What the words behind `run` ask for.
 *
 * @throws UsageError, in words that name the option
 */
export function parseRunWords(argv: readonly string[]): RunRequest {
  const { values, extraArgs } = splitWords(argv);
  const text = (name: OptionName): string | undefined => {
    const value = values.get(name);
    return value === true ? undefined : value;
  };
  const needed = (name: OptionName): string => {
    const value = text(name);
    if (value === undefined) throw new UsageError(`--${name} is missing: run needs a tap and a target`, HELP_HINT);
    return checkedWord(name, value, connectorIdFault);
  };
  const named = (name: OptionName): string | undefined => {
    const value = text(name);
    return value === undefined ? undefined : checkedWord(name, value, nameFault);
  };
  const wholeNumber = (name: OptionName, least: number, most: number): number | undefined => {
    const word = text(name);
    if (word === undefined) return undefined;
    const value = /^\d{1,3}$/.test(word) ? Number(word) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new UsageError(`--${name}: ${JSON.stringify(word)} is outside ${least}-${most}`, HELP_HINT);
  };
  const command = text("command");
  if (command !== undefined) assertCommandForLock(command);
  const due = text("slot");
  const request: RunRequest = {
    tap: needed("tap"),
    target: needed("target"),
    command,
    id: named("id"),
    schedule: named("schedule"),
    configDir: text("config-dir"),
    file: text("file"),
    scheduled: values.has("scheduled"),
    slot: due === undefined ? undefined : slot(due),
    again: values.has("again"),
    tellMissed: values.has("tell-missed"),
    output: values.has("output"),
    stopWithinSeconds: wholeNumber("stop-within", 2, 45),
    skipExitCode: wholeNumber("skip-exit-code", 1, 255),
    dryRun: values.has("dry-run"),
    extraArgs,
  };
  if (request.file !== undefined && (request.scheduled || request.schedule !== undefined)) {
    const other = request.scheduled ? "scheduled" : "schedule";
    throw new UsageError(
      `--file and --${other} exclude each other`,
      "--file is for runs by hand; installed entries need none.",
    );
  }
  if (request.slot !== undefined && !request.scheduled) {
    throw new UsageError("--slot goes with --scheduled only", "A run by hand stands for no due time.");
  }
  if (request.again && request.slot === undefined) {
    throw new UsageError(
      "--again goes with --slot only",
      "A run by hand runs whenever it is started: leave --again out.",
    );
  }
  return request;
}
