// stand-in for PipelineWise, not PipelineWise: its command line, as Python's argparse reads it.
const { Exit, print, writeAll } = require("./log.cjs");

const COMMANDS = [
  "init",
  "run_tap",
  "stop_tap",
  "discover_tap",
  "status",
  "test_tap_connection",
  "sync_tables",
  "import",
  "import_config",
  "validate",
  "encrypt_string",
  "partial_sync_table",
  "reset_state",
];
const VALUES = ["target", "tap", "taps", "tables", "dir", "name", "secret", "string", "log"].concat([
  "table",
  "column",
  "start_value",
  "end_value",
  "replication_method_only",
]);
const FLAGS = ["extra_log", "debug", "profiler", "force"];
const NEED_TAP_AND_TARGET = [
  "run_tap",
  "stop_tap",
  "sync_tables",
  "discover_tap",
  "test_tap_connection",
  "reset_state",
];

const VERSION = "PipelineWise 0.76.7 - Command Line Interface";
const USAGE = `usage: pipelinewise [-h] [--target TARGET] [--tap TAP] [--tables TABLES]
                    [--dir DIR] [--version] [--extra_log] [--force]
                    {${COMMANDS.join(",")}}
`;
const HELP = `${USAGE}
stand-in for PipelineWise, not PipelineWise: it does what a scheduler meets in ${VERSION.split(" - ")[0]}
and moves no data. It knows run_tap, sync_tables, status, import and stop_tap; README.md beside it tells the rest.`;

function usageError(message) {
  writeAll(2, `${USAGE}pipelinewise: error: ${message}\n`);
  return new Exit(2);
}

/** @returns `{command, tap, target, …}`; what was not said is `undefined`. Throws Exit for help, version and bad words. */
function parseArguments(words) {
  const args = {};
  const unknown = [];
  for (let at = 0; at < words.length; at++) {
    const [option, inline] = splitOption(words[at]);
    if (option === "--help" || option === "-h") throw finished(HELP);
    if (option === "--version") throw finished(`${VERSION} (stand-in for PipelineWise, not PipelineWise)`);
    const name = option.slice(2);
    if (option === "-p" || (option.startsWith("--") && FLAGS.includes(name))) {
      args[option === "-p" ? "profiler" : name] = true;
    } else if (option.startsWith("--") && VALUES.includes(name)) {
      const value = inline ?? words[++at];
      if (value === undefined || (inline === undefined && value.startsWith("-")))
        throw usageError(`argument --${name}: expected one argument`);
      args[name] = value;
    } else if (option.startsWith("-") || args.command !== undefined) {
      unknown.push(words[at]);
    } else if (!COMMANDS.includes(words[at])) {
      const choices = COMMANDS.map((command) => `'${command}'`).join(", ");
      throw usageError(`argument command: invalid choice: '${words[at]}' (choose from ${choices})`);
    } else {
      args.command = words[at];
    }
  }
  if (args.command === undefined) throw usageError("the following arguments are required: command");
  if (unknown.length > 0) throw usageError(`unrecognized arguments: ${unknown.join(" ")}`);
  requireNames(args);
  return args;
}

/** What argparse lets pass and PipelineWise asks for itself: one plain line on stdout, code 1. */
function requireNames({ command, tap, target }) {
  if (!NEED_TAP_AND_TARGET.includes(command)) return;
  if (tap === undefined) throw finished("You must specify a source name using the argument --tap", 1);
  if (target === undefined) throw finished("You must specify a destination name using the argument --target", 1);
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
