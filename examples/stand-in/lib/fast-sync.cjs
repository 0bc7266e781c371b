// stand-in for PipelineWise, not PipelineWise: copies of whole tables and of parts of one, without Singer.
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { logFile, RunCommandError, runCommand } = require("./command.cjs");
const { connectorProgram, loadJson, refuseDisabled, tableMetadata, writeTemporaryFiles } = require("./config.cjs");
const { failure, log, print, PythonError, traceback } = require("./log.cjs");
const { holdingPidfile } = require("./pidfile.cjs");

/** `fast_sync`, and `sync_tables`, which is its older name. */
const fastSync = (run) => holdingPidfile(run, () => copyTables(run, chooseTables(run)));

/** The tap's tables, as its `selection.json` has them, that the command line asks for. */
function chooseTables({ tap, args }) {
  const method = args.replication_method_only?.toUpperCase();
  return (loadJson(tap.files.selection)?.selection ?? [])
    .filter(({ replication_method }) => method === undefined || method === replication_method)
    .map(({ tap_stream_id }) => tableName(tap_stream_id))
    .filter((table) => args.tables === undefined || args.tables.split(",").includes(table));
}

const canCopyWhole = ({ dialect, tap }) => dialect.fullSync[tap.type]?.includes(tap.target.type) === true;
const canCopyPart = ({ dialect, tap }) => dialect.partialSync[tap.type]?.includes(tap.target.type) === true;

/** @param tables as `schema.table`. Where there is no Fastsync for the pair it fails, and Singer does not take over. */
async function copyTables(run, tables) {
  const { dialect, tap } = run;
  if (tables.length === 0) return;
  if (dialect.checksRouteFirst && !canCopyWhole(run))
    throw new PythonError(
      `FastSync is not supported for ${tap.type} to ${tap.target.type}. No target changes were made.`,
      "pipelinewise.cli.errors.PreRunChecksException",
    );
  log("INFO", `Syncing tables from ${describePair(tap)}...`);
  refuseDisabled(tap);
  const program = connectorProgram("fastsync", routeName(tap));
  if (!canCopyWhole(run) || !existsSync(program)) throw notImplemented(tap);
  await copy(run, { program, engine: "fastsync", words: `--tables ${tables.map(quote).join(",")}` });
}

/** `partial_sync_table`: rows of one table from a value of one column on. */
async function partialSyncTable(run) {
  await holdingPidfile(run, async () => {
    const { tap, args } = run;
    if (!canCopyPart(run)) {
      const pair = `${tap.id}(${tap.type})-${tap.target.id}(${tap.target.type})`;
      throw failure(`Error! ${pair} pair is not supported for the partial sync!`);
    }
    log("INFO", `Partial syncing table from ${describePair(tap)}...`);
    refuseDisabled(tap);
    const program = connectorProgram("fastsync", `partial-${routeName(tap)}`);
    if (!existsSync(program)) throw notImplemented(tap);
    requireColumn(tap, args);
    if (!existsSync(tap.files.state)) throw failure(`Could not find state file in "${tap.files.state}"!`);
    const words = [`--table ${quote(args.table)}`, `--column ${quote(args.column)}`];
    words.push(`--start_value ${quote(`<S>${args.start_value}`)}`);
    if (args.end_value !== undefined) words.push(`--end_value ${quote(`<S>${args.end_value}`)}`);
    await copy(run, { program, engine: "partialsync", words: words.join(" ") });
  });
}

function requireColumn(tap, { table, column }) {
  const streams = loadJson(tap.files.properties)?.streams ?? [];
  const stream = streams.find(({ table_name }) => table_name === table.split(".").at(-1));
  if (stream === undefined) throw failure(`Not found table "${table}" in properties!`);
  if (tableMetadata(stream)?.selected !== true) throw failure(`table "${table}" is not selected in properties!`);
  if (stream.schema.properties?.[column] === undefined) throw failure(`Not found column "${column}" in properties!`);
}

/** Starts a connector that writes `state.json` by itself. */
async function copy(run, { program, engine, words }) {
  const { tap } = run;
  const { targetConfig } = writeTemporaryFiles(run);
  run.log = logFile(run, engine, Date.now());
  const files = `--tap ${tap.files.config} --properties ${tap.files.properties} --state ${tap.files.state}`;
  const target = `--target ${targetConfig} --temp_dir ${join(run.dir, "tmp")}`;
  try {
    await runCommand(`${program} ${files} ${target} ${words}`, run, (line) => run.args.extra_log && print(line));
  } catch (error) {
    if (!(error instanceof RunCommandError)) throw error;
    throw failure(`${error.message}\n${traceback(error)}`);
  }
}

const notImplemented = ({ type, target }) =>
  failure(`Table sync function is not implemented from ${type} datasources to ${target.type} type of targets`);

const tableName = (streamId) => streamId.replace("-", ".");
const routeName = ({ type, target }) => `${type.replace("tap-", "")}-to-${target.type.replace("target-", "")}`;
const describePair = ({ id, type, target }) => `${id} (${type}) to ${target.id} (${target.type})`;
const quote = (word) => `"${word}"`;

module.exports = { canCopyWhole, copyTables, fastSync, partialSyncTable, tableName };
