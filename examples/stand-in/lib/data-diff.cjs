// stand-in for PipelineWise, not PipelineWise: data-diff checks, which compare source and target. They look up no tap,
// take no pidfile, write no log file and leave `state.json` alone.
const { randomUUID } = require("node:crypto");
const { appendFileSync, existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const { setTimeout: wait } = require("node:timers/promises");
const { connectorFiles, loadJson, loadTargets } = require("./config.cjs");
const { Exit, print, PythonError, renderTable } = require("./log.cjs");

/** In place of PipelineWise's PostgreSQL `backend_db`: one line where an attempt begins and one where it ends. */
const backendFile = (dir) => join(dir, "stand_in_backend.jsonl");

/** Every check in the taps' `stand_in.checks`, in the order of `config.json`. */
function findChecks(dir, { target, tap }) {
  const pairs = loadTargets(dir).flatMap(({ id, taps }) => taps.map((each) => ({ target: id, tap: each.id })));
  return pairs
    .filter((pair) => (target === undefined || pair.target === target) && (tap === undefined || pair.tap === tap))
    .flatMap((pair) => {
      const { stand_in } = loadJson(connectorFiles(join(dir, pair.target, pair.tap)).config) ?? {};
      return Object.entries(stand_in?.checks ?? {}).map(([name, { seconds = 0, mismatch = false }]) => {
        return { ...pair, name, fullName: `${pair.target}/${pair.tap}/${name}`, seconds, mismatch };
      });
    });
}

function listChecks(dir, args) {
  const checks = findChecks(dir, args).map(({ target, tap, fullName }) => {
    return { full_check_name: fullName, target_id: target, tap_id: tap };
  });
  if (args["output-format"] === "json") print(JSON.stringify(checks, undefined, 2));
  else print(renderTable(["Check", "Target", "Tap"], checks.map(Object.values)));
}

/** Runs them one after the other; after a mismatch the next one still runs. A name that no check has is not an error. */
async function runChecks(dir, args) {
  const checks = findChecks(dir, args.all ? {} : args).filter(
    ({ name, fullName }) => args.check === undefined || args.check === name || args.check === fullName,
  );
  const attempts = [];
  for (const check of checks) attempts.push(await runCheck(dir, check, 1));
  const rows = attempts.map(({ check, status, from, to, run_id }) => [check, status, "", from, to, run_id]);
  if (rows.length > 0) print(renderTable(["Check", "Status", "Slot status", "UTC start", "UTC end", "Run ID"], rows));
  if (attempts.some(isFailed)) throw new Exit(1);
}

/** Runs the check of a failed attempt once more. */
async function rerunCheck(dir, { "run-id": runId, "remediation-ref": reference }) {
  const before = readAttempts(dir).findLast(({ run_id }) => run_id === runId);
  if (before === undefined || !isFailed(before))
    throw new PythonError(`no data-diff run with the id ${runId} has failed`, "ValueError");
  const check = findChecks(dir, {}).find(({ fullName }) => fullName === before.check);
  if (check === undefined) throw new PythonError(`the check ${before.check} is gone`, "ValueError");
  const after = await runCheck(dir, check, before.attempt + 1);
  const headers = ["Check", "Status", "Attempt", "UTC start", "UTC end"];
  const row = [after.check, after.status, String(after.attempt), after.from, after.to];
  const links = ["Original run ID", "Remediation run ID", "Remediation reference"];
  print(renderTable([...headers, ...links], [[...row, runId, after.run_id, reference]]));
  if (isFailed(after)) throw new Exit(1);
}

/** On TERM or INT it records the attempt as ERROR and then lets the signal end the process. */
async function runCheck(dir, { fullName, seconds, mismatch }, attempt) {
  const to = new Date();
  const from = new Date(to.getTime() - 3_600_000);
  const begun = { run_id: randomUUID(), check: fullName, attempt, from: utc(from), to: utc(to) };
  const record = (outcome) => {
    appendFileSync(backendFile(dir), `${JSON.stringify({ ...begun, ...outcome })}\n`);
    return { ...begun, ...outcome };
  };
  const stop = (signal) => {
    record({ status: "ERROR", error: `Terminated by ${signal} before the check completed` });
    process.kill(process.pid, signal);
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
  record({ status: "RUNNING" });
  await wait(seconds * 1000);
  for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, stop);
  return record({ status: mismatch ? "FAIL" : "PASS" });
}

function readAttempts(dir) {
  if (!existsSync(backendFile(dir))) return [];
  return readFileSync(backendFile(dir), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const isFailed = ({ status }) => status === "FAIL" || status === "ERROR";
const utc = (date) => date.toISOString().replace(/\..*/, "+00:00");

module.exports = { listChecks, rerunCheck, runChecks };
