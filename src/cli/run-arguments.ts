import { parseArgs } from "node:util";
import { findChoice } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { connectorIdError, ENTRY_COMMANDS, nameError, onlyReads } from "../pipeline-id.ts";
import type { RunRequest } from "../run/plan.ts";
import { nearestWord } from "../text/suggest.ts";

/** An option of `run`. `value` is the name of its value in the help; without it the option is a flag. */
interface RunOption {
  readonly name: string;
  readonly value?: string;
  readonly help: string;
}

/** The options of `run`: the entry point `run` parses them, and the entry point `main` shows them as help. */
export const RUN_OPTIONS = [
  { name: "tap", value: "ID", help: "tap to run" },
  { name: "target", value: "ID", help: "target to load into" },
  {
    name: "command",
    value: "NAME",
    help: `PipelineWise command: ${ENTRY_COMMANDS.join(", ")}; a run by hand also accepts others, such as reset_state (default: run_tap)`,
  },
  { name: "id", value: "ID", help: "id of the entry, if the schedule has several with this tap, target and command" },
  { name: "schedule", value: "NAME", help: "installed schedule to take the entry from" },
  { name: "file", value: "FILE", help: "schedule file to take the entry from, instead of an installed schedule" },
  { name: "config-dir", value: "DIR", help: "PipelineWise's config directory" },
  { name: "dry-run", help: "show what would be executed; write nothing" },
  {
    name: "scheduled",
    help: "the way a scheduler starts a run: print only the report of a failure; a skip ends with exit code 0",
  },
  {
    name: "slot",
    value: "TIME",
    help: "with --scheduled: the due time of this start, in ISO 8601 with an offset, or @ and epoch seconds",
  },
  {
    name: "times",
    value: "DIGEST",
    help: "with --scheduled: fail if the times that are stored on this host have another digest",
  },
  { name: "rerun", help: "with --slot: run the slot even if it was already run or skipped" },
  {
    name: "record-missed",
    help: "with --scheduled: record the due times that passed during the run as skipped (systemd)",
  },
  { name: "output", help: "with --scheduled: pass the pipeline's output through, and report a skip" },
  {
    name: "kill-after",
    value: "SECONDS",
    help: "seconds between a stop request and SIGKILL, 2 to 45 (default: 45)",
  },
  { name: "skip-exit-code", value: "N", help: "exit code of a skip, 2 to 255 (Airflow: 99)" },
] as const satisfies readonly RunOption[];

type OptionName = (typeof RUN_OPTIONS)[number]["name"];

const OPTIONS: readonly (RunOption & { readonly name: OptionName })[] = RUN_OPTIONS;

const HELP_HINT = "See: pipelinewise-sched run --help";

interface RunArguments {
  readonly values: ReadonlyMap<OptionName, string | true>;
  readonly extraArgs: readonly string[];
}

/** The options in the format of `util.parseArgs`. */
const PARSE_OPTIONS = Object.fromEntries(
  OPTIONS.map(({ name, value }) => [name, { type: value === undefined ? ("boolean" as const) : ("string" as const) }]),
);

/** Arguments by name: `--name`, `--name VALUE`, `--name=VALUE`; those after `--` are PipelineWise's. */
function splitArguments(argv: readonly string[]): RunArguments {
  // Not strict: the messages below name the option and say what to do.
  const parsed = parseArgs({
    args: [...argv],
    options: PARSE_OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<OptionName, string | true>();
  for (const token of parsed.tokens) {
    if (token.kind === "option-terminator") return { values, extraArgs: argv.slice(token.index + 1) };
    if (token.kind === "positional") {
      throw new UsageError(
        `run does not know what to do with ${JSON.stringify(token.value)}`,
        "Write options of PipelineWise's command after --.",
      );
    }
    const option = OPTIONS.find(({ name }) => token.rawName === `--${name}`);
    if (option === undefined) {
      const known = OPTIONS.map(({ name }) => `--${name}`);
      const near = nearestWord(token.rawName, known);
      throw new UsageError(
        `run does not know the option ${token.rawName}${near === undefined ? "" : `; did you mean ${near}?`}`,
        `Use one of ${known.join(" ")}; write options of PipelineWise's command after --.`,
      );
    }
    const { name, value: placeholder } = option;
    if (values.has(name)) throw new UsageError(`--${name} is given twice`);
    if (placeholder === undefined && token.value !== undefined) {
      throw new UsageError(`--${name} does not take a value, but was given ${JSON.stringify(token.value)}`);
    }
    // The next argument may be an option: `--tap --target redshift`.
    const isMissing = !token.value || (token.value.startsWith("-") && !token.inlineValue);
    if (placeholder !== undefined && isMissing) {
      throw new UsageError(`--${name} needs a value`, `Write: --${name} ${placeholder}`);
    }
    values.set(name, token.value ?? true);
  }
  return { values, extraArgs: [] };
}

function checkedWord(name: string, word: string, faultOf: (word: string) => string | undefined): string {
  const fault = faultOf(word);
  if (fault !== undefined) throw new UsageError(`--${name}: ${JSON.stringify(word)} ${fault}`);
  return word;
}

const COMMAND = /^[a-z][a-z0-9_]{0,63}$/;
/** Commands that do not belong to one pipeline. */
const NOT_OF_A_PIPELINE = ["init"];
const IMPORTS = ["import", "import_config"];

/**
 * Throws if the word is not the name of a PipelineWise command. Also throws for `stop_tap`, which must never be called, and
 * for a command that needs no lock.
 */
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
  if (IMPORTS.includes(command)) {
    throw new UsageError(
      `${given} concerns all pipelines`,
      "Import with the locks of all pipelines: pipelinewise-sched import --dir DIR",
    );
  }
  if (onlyReads(command) || NOT_OF_A_PIPELINE.includes(command)) {
    throw new UsageError(`${given} does not need a pipeline's lock`, `Run it directly: pipelinewise ${command} …`);
  }
}

/** Throws where the arguments for PipelineWise choose what runs: it could be another pipeline than the lock is for. */
function assertSamePipeline(extraArgs: readonly string[]): void {
  const word = extraArgs[findChoice(extraArgs)];
  if (word === undefined) return;
  throw new UsageError(
    `${word} after -- could choose another pipeline or command than the one that this run locks`,
    "Choose both before --: run --tap ID --target ID --command NAME -- OPTIONS",
  );
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/;

const TIMES_DIGEST = /^[0-9a-f]{8}$/;

const EPOCH_SECONDS = /^@\d{1,11}$/;

function slot(text: string): Date {
  const at = EPOCH_SECONDS.test(text)
    ? new Date(Number(text.slice(1)) * 1000)
    : new Date(INSTANT.test(text) ? text.replace(/([+-]\d\d)(\d\d)$/, "$1:$2") : Number.NaN);
  if (!Number.isNaN(at.getTime())) return at;
  throw new UsageError(
    `--slot: ${JSON.stringify(text)} is not a point in time`,
    "Write it with an offset: 2026-10-25T01:30:00Z or 2026-10-25T01:30+01:00.",
  );
}

function timesDigestOf(word: string | undefined): string | undefined {
  if (word === undefined || TIMES_DIGEST.test(word)) return word;
  throw new UsageError(
    `--times: ${JSON.stringify(word)} is not a digest of 8 hexadecimal digits`,
    "Copy the whole command as `export` or `install` wrote it.",
  );
}

/**
 * Parses the arguments after `run`.
 *
 * @throws UsageError with a message that names the option
 */
export function parseRunArguments(argv: readonly string[]): RunRequest {
  const { values, extraArgs } = splitArguments(argv);
  const text = (name: OptionName): string | undefined => {
    const value = values.get(name);
    return value === true ? undefined : value;
  };
  const needed = (name: OptionName): string => {
    const value = text(name);
    if (value === undefined) throw new UsageError(`--${name} is missing: run needs a tap and a target`, HELP_HINT);
    return checkedWord(name, value, connectorIdError);
  };
  const named = (name: OptionName): string | undefined => {
    const value = text(name);
    return value === undefined ? undefined : checkedWord(name, value, nameError);
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
  assertSamePipeline(extraArgs);
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
    times: timesDigestOf(text("times")),
    rerun: values.has("rerun"),
    recordMissed: values.has("record-missed"),
    output: values.has("output"),
    killAfterSeconds: wholeNumber("kill-after", 2, 45),
    skipExitCode: wholeNumber("skip-exit-code", 2, 255),
    dryRun: values.has("dry-run"),
    extraArgs,
  };
  if (request.file !== undefined && (request.scheduled || request.schedule !== undefined)) {
    const other = request.scheduled ? "scheduled" : "schedule";
    throw new UsageError(
      `--file and --${other} exclude each other`,
      "Remove one of them: --file is only for runs by hand.",
    );
  }
  if (request.slot !== undefined && !request.scheduled) {
    throw new UsageError("--slot needs --scheduled", "Remove --slot: a run by hand has no due time.");
  }
  if (request.rerun && request.slot === undefined) {
    throw new UsageError("--rerun needs --slot", "Remove --rerun: a run by hand never checks whether it ran before.");
  }
  return request;
}
