// stand-in for PipelineWise, not PipelineWise: what its connectors read in common.
const { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { dirname } = require("node:path");
const { chooseDialect } = require("../lib/dialect.cjs");

/** The words of a connector's command line: `--config F --properties F` as `{config, properties}`. */
function options(words) {
  const found = {};
  for (let at = 0; at < words.length; at++) {
    const name = words[at].slice(2);
    found[name] = words[at + 1]?.startsWith("--") ? true : (words[++at] ?? true);
  }
  return found;
}

const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

/** How the tap is to behave: `stand_in` in its config.json (`db_conn` in its YAML); README.md lists the keys. */
const behaviour = (config) => ({ seconds: 0, rows: 10, exit: 0, lines: [], ...readJson(config).stand_in });

/** Connectors talk on stderr; PipelineWise keeps it in the run's log. */
const say = (level, message) => process.stderr.write(`level=${level} message=${message}\n`);

/** Does what the tap was told to do besides copying: take long, hang, talk, not hear TERM, die. Resolves if it is to go on. */
async function behave(who, { seconds, exit, lines, hang, ignore_term, kill }) {
  if (ignore_term) process.on("SIGTERM", () => say("WARNING", "TERM, and it is ignored"));
  say("INFO", `the stand-in's ${who} begins`);
  for (const line of lines) process.stderr.write(`${line}\n`);
  if (hang) await new Promise(() => setInterval(() => {}, 1 << 30));
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  if (kill) process.kill(process.pid, "SIGKILL");
  if (exit === 0) return;
  say("ERROR", `the stand-in's tap was told to end with ${exit}`);
  process.exit(exit);
}

/** Bookmarks of the selected streams, each `rows` further than before. @param tables `schema.table`; absent: all */
function advance(properties, bookmarks, { rows, tables }) {
  const after = { ...bookmarks };
  for (const { tap_stream_id, metadata } of readJson(properties).streams) {
    if (tables !== undefined && !tables.includes(tap_stream_id.replace("-", "."))) continue;
    if (!metadata.some(({ breadcrumb, metadata: { selected } }) => breadcrumb.length === 0 && selected)) continue;
    const { replication_key_value = 0 } = after[tap_stream_id] ?? {};
    after[tap_stream_id] = { replication_key: "id", replication_key_value: replication_key_value + rows };
  }
  return after;
}

/** As a Fastsync does it: older versions write in place, so a reader may meet half of it; newer ones replace the file. */
function writeState(path, state) {
  const text = JSON.stringify(state);
  if (!chooseDialect().replacesState) return writeFileSync(path, text);
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  sync(temporary);
  renameSync(temporary, path);
  sync(dirname(path));
}

function sync(path) {
  const descriptor = openSync(path, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

module.exports = { advance, behave, behaviour, options, readJson, say, writeState };
