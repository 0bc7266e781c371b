// stand-in for PipelineWise, not PipelineWise: the order of things in a start.
const { mkdirSync } = require("node:fs");
const { parseArguments } = require("./arguments.cjs");
const { configDir, findTap, removeTemporaryFiles } = require("./config.cjs");
const { chooseDialect } = require("./dialect.cjs");
const { Exit, log, printTraceback, PythonError } = require("./log.cjs");

/** Commands of a whole config directory. Data-diff checks are among them: they look up no tap and take no pidfile. */
const ON_CONFIG_DIR = {
  status: (dir) => require("./status.cjs").status(dir),
  import_config: (dir, args) => {
    mkdirSync(dir, { recursive: true });
    require("./import.cjs").importProject(dir, args);
  },
  list_data_diff_checks: (dir, args) => require("./data-diff.cjs").listChecks(dir, args),
  run_data_diff_checks: (dir, args) => require("./data-diff.cjs").runChecks(dir, args),
  rerun_data_diff_check: (dir, args) => require("./data-diff.cjs").rerunCheck(dir, args),
};

/** Commands of one tap. TERM and INT stop what they have started. */
const ON_TAP = {
  run_tap: (run) => require("./run-tap.cjs").runTap(run),
  fast_sync: (run) => require("./fast-sync.cjs").fastSync(run),
  partial_sync_table: (run) => require("./fast-sync.cjs").partialSyncTable(run),
  reset_state: (run) => require("./state.cjs").resetState(run),
  stop_tap: async (run) => {
    throw new Exit(await require("./stop.cjs").stopTap(run));
  },
};

/** Ends the process. */
async function main(words) {
  try {
    const dialect = chooseDialect();
    await start(dialect, parseArguments(words, dialect));
    process.exit(0);
  } catch (error) {
    if (error instanceof Exit) process.exit(error.code);
    if (!(error instanceof PythonError)) throw error;
    printTraceback(error);
    process.exit(1);
  }
}

async function start(dialect, args) {
  log("INFO", "Profiling mode not enabled", "pipelinewise");
  const dir = configDir();
  const { act } = dialect.commands[args.command];
  if (act === undefined)
    throw new PythonError(`the stand-in for PipelineWise does not know ${args.command}`, "NotImplementedError");
  if (ON_CONFIG_DIR[act] !== undefined) return ON_CONFIG_DIR[act](dir, args);
  const tap = findTap(dir, args.target, args.tap);
  const run = { dir, dialect, tap, args, pidfile: tap.files.pidfile, temporary: [], log: undefined, stopping: false };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stopOnce(run));
  await ON_TAP[act](run);
}

async function stopOnce(run) {
  if (run.stopping) return;
  run.stopping = true;
  const code = await require("./stop.cjs").stopTap(run);
  removeTemporaryFiles(run);
  process.exit(code);
}

module.exports = { main };
