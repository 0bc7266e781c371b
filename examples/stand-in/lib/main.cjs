// stand-in for PipelineWise, not PipelineWise: the order of things in a start.
const { mkdirSync } = require("node:fs");
const { parseArguments } = require("./arguments.cjs");
const { configDir, findTap } = require("./config.cjs");
const { Exit, log, printTraceback, PythonError } = require("./log.cjs");

/** Ends the process. */
async function main(words) {
  try {
    await start(parseArguments(words));
    process.exit(0);
  } catch (error) {
    if (error instanceof Exit) process.exit(error.code);
    if (!(error instanceof PythonError)) throw error;
    printTraceback(error);
    process.exit(1);
  }
}

async function start(args) {
  log("INFO", "Profiling mode not enabled", "pipelinewise");
  const dir = configDir();
  if (args.command === "status") return require("./status.cjs").status(dir);
  if (args.command === "import" || args.command === "import_config") {
    mkdirSync(dir, { recursive: true });
    return require("./import.cjs").importProject(dir, args);
  }
  if (!["run_tap", "sync_tables", "stop_tap"].includes(args.command))
    throw new PythonError(`the stand-in for PipelineWise does not know ${args.command}`, "NotImplementedError");
  const tap = findTap(dir, args.target, args.tap);
  const run = { dir, tap, args, pidfile: tap.files.pidfile, temporary: [], log: undefined, stopping: false };
  if (args.command === "stop_tap") throw new Exit(await require("./stop.cjs").stopTap(run));
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stopOnce(run));
  const { runTap, syncTables } = require("./run-tap.cjs");
  await (args.command === "run_tap" ? runTap(run) : syncTables(run));
}

async function stopOnce(run) {
  if (run.stopping) return;
  run.stopping = true;
  const code = await require("./stop.cjs").stopTap(run);
  require("./run-tap.cjs").removeTemporaryFiles(run);
  process.exit(code);
}

module.exports = { main };
