// stand-in for PipelineWise, not PipelineWise: the config directory, and where things lie in it.
const { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } = require("node:fs");
const { homedir } = require("node:os");
const { join } = require("node:path");
const { Exit, log, PythonError } = require("./log.cjs");

const FILES = ["config", "inheritable_config", "properties", "state", "transformation", "selection"];

const configDir = () =>
  process.env.PIPELINEWISE_CONFIG_DIRECTORY ?? join(process.env.HOME ?? homedir(), ".pipelinewise");

/** `undefined` where there is no such file. */
function loadJson(path) {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new PythonError(`Error parsing ${path} ${error.message}`);
  }
}

/** In place, as PipelineWise does it: a reader may meet half of it. */
const saveJson = (path, value) => writeFileSync(path, JSON.stringify(value, undefined, 4));

function connectorFiles(folder) {
  const files = Object.fromEntries(FILES.map((name) => [name, join(folder, `${name}.json`)]));
  return { ...files, pidfile: join(folder, "pipelinewise.pid"), logs: join(folder, "log") };
}

const isFolder = (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

function loadTargets(dir) {
  return loadJson(join(dir, "config.json"))?.targets ?? [];
}

function findTarget(dir, targetId) {
  const target = loadTargets(dir).find(({ id }) => id === targetId);
  const folder = join(dir, targetId);
  if (target === undefined) throw new PythonError(`Cannot find ${targetId} target`);
  if (!isFolder(folder)) throw new PythonError(`Cannot find target at ${folder}`);
  return { ...target, files: connectorFiles(folder) };
}

/** The tap with its target and both sets of files, as `config.json` has them. */
function findTap(dir, targetId, tapId) {
  const target = findTarget(dir, targetId);
  const tap = target.taps.find(({ id }) => id === tapId);
  const folder = join(dir, targetId, tapId);
  if (tap === undefined) throw new PythonError(`Cannot find ${tapId} tap in ${targetId} target`);
  if (!isFolder(folder)) throw new PythonError(`Cannot find tap at ${folder}`);
  return { ...tap, target, files: connectorFiles(folder) };
}

/** Types that name a stream by schema and table. */
const DATABASES = ["tap-mysql", "tap-postgres", "tap-mongodb"];

/**
 * The program of a connector. With PIPELINEWISE_HOME it is looked for where PipelineWise has it, there or not;
 * without, it is one of our own, which move no data.
 *
 * @param kind `tap`, `target` or `fastsync`; @param type such as `tap-postgres` or `postgres-to-redshift`
 */
function connectorProgram(kind, type) {
  const home = process.env.PIPELINEWISE_HOME;
  if (home === undefined) return join(__dirname, "..", "connectors", kind);
  return join(home, ".virtualenvs", kind === "fastsync" ? "pipelinewise" : type, "bin", type);
}

function refuseDisabled({ name, enabled }) {
  if (enabled === true) return;
  log("INFO", `Tap ${name} is not enabled.`);
  throw new Exit(1);
}

const tableMetadata = (stream) => stream.metadata?.find(({ breadcrumb }) => breadcrumb.length === 0)?.metadata;
const selectedStreams = (tap) =>
  (loadJson(tap.files.properties)?.streams ?? []).filter((stream) => tableMetadata(stream)?.selected === true);

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

module.exports = {
  configDir,
  connectorFiles,
  connectorProgram,
  DATABASES,
  findTap,
  findTarget,
  loadJson,
  loadTargets,
  refuseDisabled,
  removeTemporaryFiles,
  saveJson,
  selectedStreams,
  tableMetadata,
  writeTemporaryFiles,
};
