// stand-in for PipelineWise, not PipelineWise: `import`. No lock, JSON in place, folders of vanished taps deleted.
const { execFileSync } = require("node:child_process");
const { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } = require("node:fs");
const { join } = require("node:path");
const { connectorFiles, connectorProgram, DATABASES, loadJson, loadTargets, saveJson } = require("./config.cjs");
const { Exit, log, PythonError } = require("./log.cjs");
const { parseYaml } = require("./yaml.cjs");

function importProject(dir, { dir: project = ".", taps: wanted = "*" }) {
  const before = loadTargets(dir);
  const { global, targets, taps } = readProject(project);
  saveMain(dir, global, targets, taps);
  const chosen = taps.filter(({ id }) => wanted === "*" || wanted.split(",").includes(id));
  for (const target of targets) saveTarget(dir, target);
  for (const tap of chosen) saveTap(dir, tap);
  log("INFO", "ACTIVATING TAP STREAM SELECTIONS...");
  const failures = chosen
    .map((tap) => discover(dir, tap, targets.find(({ id }) => id === tap.target).type))
    .filter((failure) => failure !== undefined);
  if (wanted !== "*")
    for (const id of wanted.split(","))
      if (!chosen.some((tap) => tap.id === id)) failures.push(`tap "${id}" not found!`);
  const deleted = deleteVanished(dir, before, targets, taps);
  const total = wanted === "*" ? taps.length : wanted.split(",").length;
  log("INFO", summary([targets.length, total, total - failures.length, deleted, `[${failures.join(", ")}]`]));
  if (failures.length > 0) throw new Exit(1);
}

function readProject(project) {
  const names = existsSync(project) ? readdirSync(project).sort() : [];
  const read = (name) => {
    try {
      return parseYaml(readFileSync(join(project, name), "utf8"));
    } catch (error) {
      throw new PythonError(`Error when loading YAML config at ${join(project, name)} ${error.message}`);
    }
  };
  const all = (pattern) => names.filter((name) => pattern.test(name)).map(read);
  const targets = all(/^target_.*\.ya?ml$/);
  const taps = all(/^tap_.*\.ya?ml$/);
  for (const { id, target } of taps) {
    if (targets.some((each) => each.id === target)) continue;
    log(
      "ERROR",
      `Can't find the target with the ID "${target}" but it's referenced in tap ${id}`,
      "pipelinewise.cli.config",
    );
    throw new Exit(1);
  }
  return { global: names.includes("config.yml") ? read("config.yml") : {}, targets, taps };
}

function saveMain(dir, global, targets, taps) {
  const main = targets.map(({ id, name, type }) => ({
    id,
    name,
    status: "ready",
    type,
    taps: taps
      .filter(({ target }) => target === id)
      .map(({ id, name, type, owner, stream_buffer_size = null, send_alert = true }) => {
        return { id, name, type, owner, stream_buffer_size, send_alert, enabled: true };
      }),
  }));
  saveJson(join(dir, "config.json"), { ...global, targets: main });
}

function saveTarget(dir, { id, db_conn }) {
  mkdirSync(join(dir, id), { recursive: true });
  saveJson(connectorFiles(join(dir, id)).config, db_conn);
}

function saveTap(dir, { id, target, type, db_conn, schemas }) {
  const files = connectorFiles(join(dir, target, id));
  mkdirSync(join(dir, target, id), { recursive: true });
  const selection = (schemas ?? []).flatMap(({ source_schema, tables }) =>
    (tables ?? []).map(({ table_name, replication_method = "LOG_BASED", replication_key }) => {
      const tap_stream_id = DATABASES.includes(type) ? `${source_schema}-${table_name}` : table_name;
      return { tap_stream_id, replication_method, replication_key };
    }),
  );
  saveJson(files.config, db_conn);
  saveJson(files.inheritable_config, { tap_id: id });
  saveJson(files.transformation, { transformations: [] });
  saveJson(files.selection, { selection });
}

/** Asks the tap for its catalog and marks in it what is selected. @returns what went wrong, if anything */
function discover(dir, { id, target, type }, targetType) {
  const files = connectorFiles(join(dir, target, id));
  log("INFO", `Discovering ${id} (${type}) tap in ${target} (${targetType}) target...`);
  try {
    const words = ["--config", files.config, "--discover"];
    const catalog = JSON.parse(execFileSync(connectorProgram("tap", type), words, { encoding: "utf8", stdio: "pipe" }));
    const { selection } = loadJson(files.selection);
    for (const stream of catalog.streams) {
      const chosen = selection.find(({ tap_stream_id }) => tap_stream_id === stream.tap_stream_id);
      const { metadata } = stream.metadata.find(({ breadcrumb }) => breadcrumb.length === 0);
      metadata.selected = chosen !== undefined;
      if (chosen?.replication_method) metadata["replication-method"] = chosen.replication_method;
      if (chosen?.replication_key) metadata["replication-key"] = chosen.replication_key;
    }
    saveJson(files.properties, catalog);
    return undefined;
  } catch (error) {
    return `'${target} - ${id}: ${error.message.trim()}'`;
  }
}

function deleteVanished(dir, before, targets, taps) {
  let deleted = 0;
  for (const target of before) {
    for (const { id } of target.taps) {
      if (taps.some((tap) => tap.id === id && tap.target === target.id)) continue;
      log("INFO", `Deleting tap "${id}" config`);
      rmSync(join(dir, target.id, id), { recursive: true, force: true });
      deleted += 1;
    }
    if (!targets.some(({ id }) => id === target.id)) rmSync(join(dir, target.id), { recursive: true, force: true });
  }
  return deleted;
}

function summary([targets, taps, imported, deleted, failed]) {
  const rule = "            -------------------------------------------------------";
  return `
${rule}
            IMPORTING YAML CONFIGS FINISHED
${rule}
                Total targets to import        : ${targets}
                Total taps to import           : ${taps}
                Taps imported successfully     : ${imported}
                Taps deleted                   : ${deleted}
                Taps failed to import          : ${failed}
${rule}
            `;
}

module.exports = { importProject };
