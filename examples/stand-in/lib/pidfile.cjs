// stand-in for PipelineWise, not PipelineWise: its pidfile, with the faults that a scheduler has to know.
const { existsSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { removeTemporaryFiles } = require("./config.cjs");
const { failure, PythonError } = require("./log.cjs");
const { firstWord } = require("./processes.cjs");

/** The pid that stands there, dead or alive; `undefined` where there is no file or no number in it. */
function readPid(path) {
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8").trim();
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/**
 * Whether "the tap" runs: that pid exists on this machine and its first word is ours. So any node process (there: any
 * job of the same python) with a recycled pid blocks, and a zombie, which has no words, is an IndexError.
 */
function isRunning(path) {
  const pid = readPid(path);
  const word = pid === undefined ? undefined : firstWord(pid);
  if (word === "") throw new PythonError("list index out of range", "IndexError");
  return word !== undefined && word === firstWord(process.pid);
}

/** Written after the check and not atomically: two starts in one instant both win. @returns false when already running */
function takePidfile(path) {
  if (isRunning(path)) return false;
  writeFileSync(path, String(process.pid));
  return true;
}

const removePidfile = (path) => rmSync(path, { force: true });

async function holdingPidfile(run, act) {
  if (!takePidfile(run.pidfile)) throw failure("Another instance of the tap is already running.");
  try {
    await act();
  } finally {
    removePidfile(run.pidfile);
    removeTemporaryFiles(run);
  }
}

module.exports = { holdingPidfile, readPid, removePidfile };
