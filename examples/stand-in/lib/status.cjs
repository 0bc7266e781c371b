// stand-in for PipelineWise, not PipelineWise: `status`.
const { existsSync, readdirSync, statSync } = require("node:fs");
const { join } = require("node:path");
const { connectorFiles, findTarget, loadTargets } = require("./config.cjs");
const { print, renderTable } = require("./log.cjs");

const HEADERS = [
  "Tap ID",
  "Tap Type",
  "Target ID",
  "Target Type",
  "Enabled",
  "Status",
  "Last Sync",
  "Last Sync Result",
];

function status(dir) {
  const rows = loadTargets(dir).flatMap(({ id }) => {
    const target = findTarget(dir, id);
    return target.taps.map((tap) => {
      const { current, lastAt, last } = tapStatus(connectorFiles(join(dir, id, tap.id)));
      const enabled = tap.enabled === undefined ? "<Unknown>" : tap.enabled ? "True" : "False";
      return [tap.id, tap.type, id, target.type, enabled, current, lastAt, last];
    });
  });
  print(renderTable(HEADERS, rows));
  print(`${rows.length} pipeline(s)`);
}

/** From the names of the logs alone: a `.running` left behind is "running" for ever, `.terminated` is not looked at. The newest by its time of change. */
function tapStatus({ config, logs }) {
  const names = existsSync(logs) ? readdirSync(logs) : [];
  const ready = names.some((name) => name.endsWith(".log.running")) ? "running" : "ready";
  const current = existsSync(config) ? ready : "not-configured";
  const [newest] = names
    .filter((name) => /\.log\.(success|failed)$/.test(name))
    .map((name) => ({ name, changedMs: statSync(join(logs, name)).mtimeMs }))
    .sort((one, other) => other.changedMs - one.changedMs);
  const [, stamp, last] = newest?.name.match(/-(\d{8}_\d{6})\.[^.]+\.log\.(success|failed)$/) ?? [];
  const lastAt = stamp?.replace(/(....)(..)(..)_(..)(..)(..)/, "$1-$2-$3T$4:$5:$6");
  return { current, lastAt: lastAt ?? "", last: last ?? "unknown" };
}

module.exports = { status };
