// stand-in for PipelineWise, not PipelineWise: how it runs `tap | target`.
const { spawn } = require("node:child_process");
const { appendFileSync, mkdirSync, readFileSync, renameSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { createInterface } = require("node:readline");
const { log } = require("./log.cjs");

const LOOKS_LIKE_AN_ERROR = /CRITICAL|EXCEPTION|ERROR|pymysql\.err|psycopg2\.*Error|\.[Ee]xception|\.[Ee]rror/;

/** A connector's pipe ended with another code than 0. */
class RunCommandError extends Error {
  kind = "pipelinewise.cli.commands.RunCommandException";
}

/**
 * Runs a shell line in our own process group, with our stdin, its output line by line in `<logFile>.running`, which is
 * called `.success` or `.failed` in the end. Never settles while `run.stopping`: the signal handler ends the program.
 */
async function runCommand(command, run, onLine) {
  log("INFO", `Writing output into ${run.log}`, "pipelinewise.cli.commands");
  mkdirSync(dirname(run.log), { recursive: true });
  const running = `${run.log}.running`;
  appendFileSync(running, "");
  const child = spawn("/bin/bash", ["-o", "pipefail", "-c", command], { stdio: ["inherit", "pipe", "pipe"] });
  const take = (line) => {
    if (run.stopping) return;
    onLine(line);
    appendFileSync(running, `${line}\n`);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", take);
  const code = await new Promise((resolve) => {
    child.on("close", (exitCode, signal) => {
      if (!run.stopping) resolve(exitCode ?? -require("node:os").constants.signals[signal]);
    });
  });
  renameSync(running, `${run.log}.${code === 0 ? "success" : "failed"}`);
  if (code !== 0) throw new RunCommandError(describe(code, `${run.log}.failed`));
}

function describe(code, logFile) {
  const errors = readFileSync(logFile, "utf8")
    .split("\n")
    .filter((line) => LOOKS_LIKE_AN_ERROR.test(line))
    .slice(0, 10);
  return `Command failed. Return code: ${code}\nError(s) found:\n${errors.map((line) => `${line}\n`).join("")}\nFull log: ${logFile}`;
}

function logFile({ tap }, engine, at) {
  const stamp = new Date(at)
    .toISOString()
    .replace(/[-:]|\..*/g, "")
    .replace("T", "_");
  return join(tap.files.logs, `${tap.target.id}-${tap.id}-${stamp}.${engine}.log`);
}

module.exports = { logFile, RunCommandError, runCommand };
