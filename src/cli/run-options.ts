import { parseArgs } from "node:util";
import { connectorIdFault, nameFault, TAP_COMMANDS } from "../command/request.ts";
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
  { name: "command", value: "NAME", help: `${TAP_COMMANDS.join(", ")} (default: run_tap)` },
  { name: "id", value: "ID", help: "which entry, where the schedule has several of this tap, target and command" },
  { name: "schedule", value: "NAME", help: "installed schedule to take the entry from" },
  { name: "file", value: "FILE", help: "schedule file to take the entry from, instead of what is installed" },
  { name: "config-dir", value: "DIR", help: "PipelineWise's config directory" },
  { name: "dry-run", help: "show what would be executed; write nothing" },
  { name: "scheduled", help: "as a scheduler calls it: print nothing but the report of a failure; a skip is 0" },
  { name: "output", help: "with --scheduled: pass the pipeline's output through, and say it when skipped" },
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

function optionNamed(raw: string, name: string): (typeof OPTIONS)[number] {
  const option = OPTIONS.find((known) => known.name === name && raw.startsWith("--"));
  if (option !== undefined) return option;
  const known = OPTIONS.map((one) => `--${one.name}`).join(" ");
  throw new UsageError(
    `run does not know the option ${raw}`,
    `It knows ${known}, and -- before words for PipelineWise.`,
  );
}

/** The words by name. parseArgs splits them only: its own messages speak of its API, not of ours. */
function splitWords(argv: readonly string[]): Words {
  const types = OPTIONS.map(({ name, value }) => [name, { type: value === undefined ? "boolean" : "string" }] as const);
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(types),
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const end = tokens.find((token) => token.kind === "option-terminator")?.index ?? argv.length;
  const values = new Map<OptionName, string | true>();
  for (const token of tokens) {
    if (token.index >= end) break;
    if (token.kind === "positional") {
      throw new UsageError(
        `run does not know what to do with the word ${JSON.stringify(token.value)}`,
        "Words for PipelineWise's command go behind --.",
      );
    }
    if (token.kind !== "option") continue;
    const { name, value: placeholder } = optionNamed(token.rawName, token.name);
    if (values.has(name)) throw new UsageError(`--${name} is given twice`);
    values.set(name, optionValue(name, placeholder, token));
  }
  return { values, extraArgs: argv.slice(end + 1) };
}

function optionValue(
  name: string,
  placeholder: string | undefined,
  { value, inlineValue }: { readonly value?: string | undefined; readonly inlineValue?: boolean | undefined },
): string | true {
  if (placeholder === undefined) {
    if (value !== undefined) throw new UsageError(`--${name} takes no value, and was given ${JSON.stringify(value)}`);
    return true;
  }
  // The word behind may be the next option: `--tap --target redshift`.
  if (value === undefined || value === "" || (inlineValue !== true && value.startsWith("-"))) {
    throw new UsageError(`--${name} needs a value`, `Such as: --${name} ${placeholder}`);
  }
  return value;
}

function checkedWord(name: string, word: string, faultOf: (word: string) => string | undefined): string {
  const fault = faultOf(word);
  if (fault !== undefined) throw new UsageError(`--${name}: ${JSON.stringify(word)} ${fault}`);
  return word;
}

function exitCode(text: string): number {
  const code = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (code < 1 || code > 255) {
    throw new UsageError(
      `--skip-exit-code: ${JSON.stringify(text)} is outside 1-255`,
      "A skip is 0 without this option.",
    );
  }
  return code;
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
  const command = TAP_COMMANDS.find((known) => known === text("command"));
  if (command === undefined && text("command") !== undefined) {
    throw new UsageError(
      `--command: ${JSON.stringify(text("command"))} is none of ${TAP_COMMANDS.join(", ")}`,
      "These are the PipelineWise commands that can be run under the lock.",
    );
  }
  const skip = text("skip-exit-code");
  const request: RunRequest = {
    tap: needed("tap"),
    target: needed("target"),
    command,
    id: named("id"),
    schedule: named("schedule"),
    configDir: text("config-dir"),
    file: text("file"),
    scheduled: values.has("scheduled"),
    output: values.has("output"),
    skipExitCode: skip === undefined ? undefined : exitCode(skip),
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
  return request;
}
