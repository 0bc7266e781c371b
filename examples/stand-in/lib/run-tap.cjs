// stand-in for PipelineWise, not PipelineWise: `run_tap` and `sync_tables`.
const { appendFileSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { RunCommandError, runCommand } = require("./command.cjs");
const { connectorProgram, DATABASES, loadJson, saveJson } = require("./config.cjs");
const { Exit, log, print, PythonError, traceback } = require("./log.cjs");
const { removePidfile, takePidfile } = require("./pidfile.cjs");

const FASTSYNC_TARGETS = ["target-snowflake", "target-redshift", "target-postgres", "target-bigquery"];
const REWRITE_STATE_MS = 2000;

/** @param run `{dir, tap, args, pidfile, temporary}`; `log` and `stopping` are set while it goes */
async function runTap(run) {
  const { tap } = run;
  log("INFO", `Running ${tap.id} tap in ${tap.target.id} target`);
  refuseDisabled(tap);
  const streams = chooseStreams(tap);
  const files = writeTemporaryFiles(run);
  backUpState(tap.files.state);
  const startedAt = Date.now();
  try {
    await holdingPidfile(run, async () => {
      if (streams.fastsync.length > 0) {
        log("INFO", `Table(s) selected to sync by fastsync/partialsync: ${pythonList(streams.fastsync)}`);
        await fastsync(
          run,
          streams.fastsync.map((id) => id.replace("-", ".")),
        );
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
    removeTemporaryFiles(run);
  }
  printSummary(run, "SUCCESS", startedAt);
}

async function syncTables(run) {
  await holdingPidfile(run, async () => {
    const selected = selectedStreams(run.tap).map(({ tap_stream_id }) => tap_stream_id.replace("-", "."));
    const wanted = run.args.tables?.split(",") ?? selected;
    await fastsync(
      run,
      selected.filter((table) => wanted.includes(table)),
    );
  });
}

async function holdingPidfile(run, act) {
  if (!takePidfile(run.pidfile)) {
    log("ERROR", "Another instance of the tap is already running.");
    throw new Exit(1);
  }
  try {
    await act();
  } finally {
    removePidfile(run.pidfile);
    removeTemporaryFiles(run);
  }
}

function refuseDisabled({ name, enabled }) {
  if (enabled === true) return;
  log("INFO", `Tap ${name} is not enabled.`);
  throw new Exit(1);
}

async function singer(run, { properties, targetConfig, startedAt }) {
  const { tap } = run;
  run.log = logFile(run, "singer", startedAt);
  const state = existsSync(tap.files.state) ? ` --state ${tap.files.state}` : "";
  const from = `${connectorProgram("tap", tap.type)} --config ${tap.files.config} --properties ${properties}${state}`;
  const into = `${connectorProgram("target", tap.target.type)} --config ${targetConfig}`;
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

async function fastsync(run, tables) {
  const { tap } = run;
  if (tables.length === 0) return;
  log("INFO", `Syncing tables from ${tap.id} (${tap.type}) to ${tap.target.id} (${tap.target.type})...`);
  refuseDisabled(tap);
  const { targetConfig } = writeTemporaryFiles(run);
  run.log = logFile(run, "fastsync", Date.now());
  const program = connectorProgram(
    "fastsync",
    `${tap.type.replace("tap-", "")}-to-${tap.target.type.replace("target-", "")}`,
  );
  const files = `--tap ${tap.files.config} --properties ${tap.files.properties} --state ${tap.files.state}`;
  const rest = `--target ${targetConfig} --temp_dir ${join(run.dir, "tmp")} --tables ${tables.map((table) => `"${table}"`).join(",")}`;
  try {
    await runCommand(`${program} ${files} ${rest}`, run, (line) => run.args.extra_log && print(line));
  } catch (error) {
    if (!(error instanceof RunCommandError)) throw error;
    log("ERROR", `${error.message}\n${traceback(error)}`);
    throw new Exit(1);
  }
}

const tableOf = (stream) => stream.metadata?.find(({ breadcrumb }) => breadcrumb.length === 0)?.metadata;
const selectedStreams = (tap) =>
  (loadJson(tap.files.properties)?.streams ?? []).filter((stream) => tableOf(stream)?.selected === true);

/** Without a bookmark a table is copied whole first, where there is a Fastsync for the pair: so a lost `state.json` copies everything. */
function chooseStreams(tap) {
  let bookmarks;
  try {
    bookmarks = loadJson(tap.files.state)?.bookmarks ?? {};
  } catch (error) {
    throw new PythonError(`Cannot create JSON file - ${error.message}`);
  }
  const fast = DATABASES.includes(tap.type) && FASTSYNC_TARGETS.includes(tap.target.type);
  const streams = selectedStreams(tap).map((stream) => {
    const { "replication-method": method } = tableOf(stream);
    const bookmark = bookmarks[stream.tap_stream_id];
    const initial =
      method === "FULL_TABLE" || Object.keys(bookmark ?? {}).every((key) => key === "last_replication_method");
    return { id: stream.tap_stream_id, fast: fast && initial, singer: !(fast && initial) || method !== "FULL_TABLE" };
  });
  const ids = (kind) => streams.filter((stream) => stream[kind]).map(({ id }) => id);
  return { fastsync: ids("fast"), singer: ids("singer") };
}

/** In `tmp/`; the target's config has its password, and stays there after a kill -9. */
function writeTemporaryFiles({ dir, tap, temporary }) {
  const tmp = join(dir, "tmp");
  mkdirSync(tmp, { recursive: true });
  const unique = `${process.pid}${Math.random().toString(36).slice(2, 8)}`;
  const targetConfig = join(tmp, `target_config_${unique}.json`);
  const properties = join(tmp, `properties_${unique}.json`);
  temporary.push(targetConfig, properties);
  saveJson(targetConfig, { ...loadJson(tap.target.files.config), ...loadJson(tap.files.inheritable_config) });
  saveJson(properties, loadJson(tap.files.properties) ?? { streams: [] });
  return { targetConfig, properties };
}

function removeTemporaryFiles({ temporary }) {
  for (const file of temporary) rmSync(file, { force: true });
}

/** Before the pidfile is looked at: a start that is refused rewrites it too. */
function backUpState(state) {
  if (existsSync(state)) copyFileSync(state, `${state}.bak`);
  else writeFileSync(`${state}.bak`, "ORIGINAL FILE DID NOT EXIST!");
}

function logFile({ tap }, engine, at) {
  const stamp = new Date(at)
    .toISOString()
    .replace(/[-:]|\..*/g, "")
    .replace("T", "_");
  return join(tap.files.logs, `${tap.target.id}-${tap.id}-${stamp}.${engine}.log`);
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

module.exports = { removeTemporaryFiles, runTap, syncTables };
