// stand-in for PipelineWise, not PipelineWise: `run_tap`.
const { appendFileSync, existsSync, writeFileSync } = require("node:fs");
const { logFile, RunCommandError, runCommand } = require("./command.cjs");
const config = require("./config.cjs");
const { canCopyWhole, copyTables, tableName } = require("./fast-sync.cjs");
const { Exit, log, print, PythonError, traceback } = require("./log.cjs");
const { holdingPidfile } = require("./pidfile.cjs");
const { backUpState } = require("./state.cjs");

const REWRITE_STATE_MS = 2000;

/** @param run `{dir, dialect, tap, args, pidfile, temporary}`; `log` and `stopping` are set while it goes */
async function runTap(run) {
  const { tap } = run;
  log("INFO", `Running ${tap.id} tap in ${tap.target.id} target`);
  config.refuseDisabled(tap);
  const streams = chooseStreams(run);
  const files = config.writeTemporaryFiles(run);
  backUpState(tap.files.state);
  const startedAt = Date.now();
  try {
    await holdingPidfile(run, async () => {
      if (streams.fastsync.length > 0) {
        log("INFO", `Table(s) selected to sync by fastsync/partialsync: ${pythonList(streams.fastsync)}`);
        await copyTables(run, streams.fastsync.map(tableName));
      } else log("INFO", "No table available that needs to be sync by fastsync");
      if (streams.singer.length > 0) {
        log("INFO", `Table(s) selected to sync by singer: ${pythonList(streams.singer)}`);
        await singer(run, { ...files, startedAt });
      } else log("INFO", "No table available that needs to be sync by singer");
    });
  } catch (error) {
    if (error instanceof Exit) throw error;
    if (error instanceof RunCommandError) log("ERROR", `${error.message}\n${traceback(error)}`);
    printSummary(run, "FAILED", startedAt);
    throw error instanceof RunCommandError ? new Exit(1) : error;
  } finally {
    config.removeTemporaryFiles(run);
  }
  printSummary(run, "SUCCESS", startedAt);
}

async function singer(run, { properties, targetConfig, startedAt }) {
  const { tap } = run;
  run.log = logFile(run, "singer", startedAt);
  const state = existsSync(tap.files.state) ? ` --state ${tap.files.state}` : "";
  const from = `${config.connectorProgram("tap", tap.type)} --config ${tap.files.config} --properties ${properties}${state}`;
  const into = `${config.connectorProgram("target", tap.target.type)} --config ${targetConfig}`;
  let newest;
  let writtenAt = 0;
  await runCommand(`${from} | ${into}`, run, (line) => {
    if (run.args.extra_log) print(line);
    if (!isState(line)) return;
    newest = line;
    if (Date.now() - writtenAt < REWRITE_STATE_MS) return;
    writeFileSync(tap.files.state, `${newest}\n`);
    writtenAt = Date.now();
  });
  if (newest !== undefined) writeFileSync(tap.files.state, `${newest}\n`);
}

/** Without a bookmark a table is copied whole first, where there is a Fastsync for the pair: so a lost `state.json` copies everything. */
function chooseStreams(run) {
  const { tap } = run;
  let bookmarks;
  try {
    bookmarks = config.loadJson(tap.files.state)?.bookmarks ?? {};
  } catch (error) {
    throw new PythonError(`Cannot create JSON file - ${error.message}`);
  }
  const fast = canCopyWhole(run);
  const streams = config.selectedStreams(tap).map((stream) => {
    const { "replication-method": method } = config.tableMetadata(stream);
    const bookmark = bookmarks[stream.tap_stream_id];
    const initial =
      method === "FULL_TABLE" || Object.keys(bookmark ?? {}).every((key) => key === "last_replication_method");
    return { id: stream.tap_stream_id, fast: fast && initial, singer: !(fast && initial) || method !== "FULL_TABLE" };
  });
  const ids = (kind) => streams.filter((stream) => stream[kind]).map(({ id }) => id);
  return { fastsync: ids("fast"), singer: ids("singer") };
}

function printSummary(run, status, startedAt) {
  const rule = "-".repeat(55);
  const runtime = pythonDuration(Date.now() - startedAt);
  const summary = `\n${rule}\nTAP RUN SUMMARY\n${rule}\n    Status  : ${status}\n    Runtime : ${runtime}\n${rule}\n`;
  log("INFO", summary);
  const file = ["success", "failed"].map((suffix) => `${run.log}.${suffix}`).find((path) => existsSync(path));
  if (file !== undefined) appendFileSync(file, summary);
}

/** Milliseconds as Python prints a timedelta: `0:00:02.606000`. */
function pythonDuration(ms) {
  const seconds = Math.floor(ms / 1000);
  const two = (n) => String(n).padStart(2, "0");
  const clock = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${clock}.${String((ms % 1000) * 1000).padStart(6, "0")}`;
}

function isState(line) {
  try {
    return "bookmarks" in JSON.parse(line);
  } catch {
    return false;
  }
}

const pythonList = (words) => `[${words.map((word) => `'${word}'`).join(", ")}]`;

module.exports = { runTap };
