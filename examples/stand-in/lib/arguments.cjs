// stand-in for PipelineWise, not PipelineWise: its command line, as Python's argparse reads it.
const { Exit, print, writeAll } = require("./log.cjs");

const VALUES = ["target", "tap", "taps", "tables", "dir", "name", "secret", "string", "log"].concat([
  "table",
  "column",
  "start_value",
  "end_value",
  "replication_method_only",
]);
const FLAGS = ["extra_log", "debug", "profiler", "force"];

/** PipelineWise prints these lines itself: argparse does not require the options. */
const MISSING = {
  tap: "You must specify a source name using the argument --tap",
  target: "You must specify a destination name using the argument --target",
  dir: "You must specify a directory path with config YAML files using the argument --dir",
  table: "You must specify a source table by using the argument --table",
  column: "You must specify a column by using the argument --column",
  start_value: "You must specify a start value by using the argument --start_value",
  "run-id": "You must specify the failed data-diff run using --run-id",
  "remediation-ref": "You must specify the repair or incident reference using --remediation-ref",
};

const versionText = ({ version }) => `PipelineWise ${version} - Command Line Interface`;

const usage = ({ commands }) => `usage: pipelinewise [-h] [--target TARGET] [--tap TAP] [--tables TABLES]
                    [--dir DIR] [--version] [--extra_log] [--force]
                    {${Object.keys(commands).join(",")}}
`;

function help(dialect) {
  const played = Object.keys(dialect.commands).filter((command) => dialect.commands[command].act !== undefined);
  return `${usage(dialect)}
stand-in for PipelineWise, not PipelineWise: it does what a scheduler meets in PipelineWise ${dialect.version}
and moves no data. It knows ${played.join(", ")}. README.md beside it tells the rest.`;
}

function usageError(dialect, message) {
  writeAll(2, `${usage(dialect)}pipelinewise: error: ${message}\n`);
  return new Exit(2);
}

/** @returns `{command, tap, target, …}`; what was not said is `undefined`. Throws Exit for help, version and bad words. */
function parseArguments(words, dialect) {
  const values = [...VALUES, ...dialect.values];
  const flags = [...FLAGS, ...dialect.flags];
  const commands = Object.keys(dialect.commands);
  const args = {};
  const unknown = [];
  for (let at = 0; at < words.length; at++) {
    const [option, inline] = splitOption(words[at]);
    if (option === "--help" || option === "-h") throw finished(help(dialect));
    if (option === "--version") throw finished(`${versionText(dialect)} (stand-in for PipelineWise, not PipelineWise)`);
    const name = option.slice(2);
    if (option === "-p" || (option.startsWith("--") && flags.includes(name))) {
      args[option === "-p" ? "profiler" : name] = true;
    } else if (option.startsWith("--") && values.includes(name)) {
      const value = inline ?? words[++at];
      if (value === undefined || (inline === undefined && value.startsWith("-")))
        throw usageError(dialect, `argument --${name}: expected one argument`);
      args[name] = value;
    } else if (option.startsWith("-") || args.command !== undefined) {
      unknown.push(words[at]);
    } else if (!commands.includes(words[at])) {
      const choices = commands.map((command) => `'${command}'`).join(", ");
      throw usageError(dialect, `argument command: invalid choice: '${words[at]}' (choose from ${choices})`);
    } else {
      args.command = words[at];
    }
  }
  if (args.command === undefined) throw usageError(dialect, "the following arguments are required: command");
  if (unknown.length > 0) throw usageError(dialect, `unrecognized arguments: ${unknown.join(" ")}`);
  const problem = findMissing(args, dialect.commands[args.command]);
  if (problem !== undefined) throw finished(problem, 1);
  return args;
}

/** @returns the line that PipelineWise prints for a missing option before it ends with 1; `undefined` if nothing is missing */
function findMissing(args, { act, needs = [] }) {
  const missing = needs.find((name) => args[name] === undefined);
  if (missing !== undefined) return MISSING[missing];
  if (act === "list_data_diff_checks" || act === "run_data_diff_checks") return findMissingScope(args, act);
  return undefined;
}

/** A tap's id says nothing without its target, and the checks of all taps run only where someone asks for all. */
function findMissingScope({ tap, target, all }, act) {
  if (target !== undefined) return undefined;
  if (tap !== undefined) return "You must specify --target when filtering data-diff checks by --tap";
  if (act === "run_data_diff_checks" && all !== true)
    return "You must specify --target and --tap, or use --all to run all definitions";
  return undefined;
}

function splitOption(word) {
  const equals = word.indexOf("=");
  return word.startsWith("--") && equals > 0 ? [word.slice(0, equals), word.slice(equals + 1)] : [word, undefined];
}

function finished(text, code = 0) {
  print(text);
  return new Exit(code);
}

module.exports = { parseArguments };
