// stand-in for PipelineWise, not PipelineWise: what TERM and INT do to a run (and `stop_tap` to the wrong process).
const { existsSync, renameSync } = require("node:fs");
const { setTimeout: wait } = require("node:timers/promises");
const { log } = require("./log.cjs");
const { readPid, removePidfile } = require("./pidfile.cjs");
const { descendants, exists, processStat, sendSignal } = require("./processes.cjs");

const GRACE_MS = 5000;
const LOOK_AGAIN_MS = 20;

/**
 * TERM to every process below us in our own process group, one after the other, KILL after 5 s each. Then the log is
 * called `.terminated` and the pidfile goes. Always code 1.
 *
 * @param run `{pidfile, log}` of the run in hand; `log` is undefined before the first connector was started
 */
async function stopTap(run) {
  log("INFO", "Trying to stop tap gracefully...");
  if (!existsSync(run.pidfile)) {
    log("ERROR", `No pidfile found at ${run.pidfile}. Tap does not seem to be running.`);
    return 1;
  }
  const group = processStat(process.pid).group;
  const left = await stopGroup(group);
  // As there: a child that ended before its turn is taken for "another machine", unless we lead our process group.
  if (left === "vanished" && group !== readPid(run.pidfile)) {
    removePidfile(run.pidfile);
    log(
      "ERROR",
      `Pid ${process.pid} not found. Is the tap running on this machine? Stopping taps remotely is not supported.`,
    );
    return 1;
  }
  if (run.log !== undefined && existsSync(`${run.log}.running`))
    renameSync(`${run.log}.running`, `${run.log}.terminated`);
  removePidfile(run.pidfile);
  return 1;
}

async function stopGroup(group) {
  for (const pid of descendants(process.pid)) {
    const stat = processStat(pid);
    if (stat === undefined) return "vanished";
    if (stat.group !== group) continue;
    log("INFO", `Sending SIGTERM to child pid ${pid}...`);
    if (!sendSignal(pid, "SIGTERM")) continue;
    for (const deadline = Date.now() + GRACE_MS; exists(pid) && Date.now() < deadline; ) await wait(LOOK_AGAIN_MS);
    if (exists(pid)) sendSignal(pid, "SIGKILL");
  }
  return "stopped";
}

module.exports = { stopTap };
