// stand-in for PipelineWise, not PipelineWise: what it does to `state.json` besides running.
const { copyFileSync, existsSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { loadJson, saveJson } = require("./config.cjs");
const { failure, log } = require("./log.cjs");

/** Before the pidfile is looked at: a start that is refused rewrites it too. */
function backUpState(state) {
  if (existsSync(state)) copyFileSync(state, `${state}.bak`);
  else writeFileSync(`${state}.bak`, "ORIGINAL FILE DID NOT EXIST!");
}

/**
 * `reset_state`: moves the bookmarks of LOG_BASED tables, and leaves those of other tables alone. It takes no pidfile and
 * writes in place, so beside a run one of the two loses what the other wrote.
 */
function resetState({ dir, tap }) {
  for (const [key, value] of newPositions(dir, tap)) {
    moveBookmarks(tap.files.state, key, value);
    log("INFO", "state file is reset for log based tables!");
  }
}

function newPositions(dir, tap) {
  if (tap.type === "tap-postgres") return [["lsn", 1]];
  if (tap.type !== "tap-mysql") throw failure("state reset is available only for PostgreSQL taps!");
  const { new_binlog_filename: file, new_binlog_position: position } = readSwitchover(dir, tap) ?? {};
  if (!file || !position) throw failure(`There is no data for switchover ${tap.id}!`);
  return [
    ["log_file", file],
    ["log_pos", Number(position)],
  ];
}

/** What the file that config.yml names as `switch_over_data_file` has for the tap's host. */
function readSwitchover(dir, tap) {
  try {
    const { host } = loadJson(tap.files.config);
    return JSON.parse(readFileSync(loadJson(join(dir, "config.json")).switch_over_data_file, "utf8"))[host];
  } catch (error) {
    log("ERROR", error.message);
    return undefined;
  }
}

function moveBookmarks(file, key, value) {
  try {
    const state = JSON.parse(readFileSync(file, "utf8"));
    for (const bookmark of Object.values(state.bookmarks)) if (key in bookmark) bookmark[key] = value;
    saveJson(file, state);
  } catch (error) {
    throw failure(error.message);
  }
}

module.exports = { backUpState, resetState };
