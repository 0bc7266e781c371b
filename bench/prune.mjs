// Measures `prune` with 100,000 logs or temporary files and a million records: its time, and its peak of memory,
// compared with that of `prune` with nothing to remove. `node bench/prune.mjs [LOGS] [RECORDS]`; prints Markdown. Needs
// dist/.
import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, "bin", "pipelinewise-sched.cjs");
const logs = Number(process.argv[2] ?? 100_000);
const records = Number(process.argv[3] ?? 1_000_000);
const directory = mkdtempSync(join(tmpdir(), "pws-bench-"));
const { NODE_EXTRA_CA_CERTS: _certs, ...env } = process.env;

const DAY_MS = 86_400_000;
const OLD_MONTHS = 20;

const tellMemory = join(directory, "tell-memory.cjs");
writeFileSync(
  tellMemory,
  'process.on("exit", () => require("fs").writeSync(2, "\\npeak=" + process.resourceUsage().maxRSS + "\\n"))\n',
);

/** Runs `prune` in a config directory. */
function measure(configDir, ...options) {
  const start = process.hrtime.bigint();
  const args = ["--require", tellMemory, program, "prune", "--json", "--config-dir", configDir, ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, maxBuffer: 1e8 });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== 0) throw new Error(`prune ended with ${status}\n${stderr}`);
  const peak = Number(/^peak=(\d+)$/m.exec(stderr.toString())?.[1] ?? Number.NaN) / 1024;
  return { ms, peak, files: JSON.parse(stdout.toString()).files };
}

/** A config directory with this many old logs in each of some pipelines. */
function fillLogs(configDir, pipelines, each) {
  const old = new Date(Date.now() - 200 * DAY_MS);
  for (let pipeline = 0; pipeline < pipelines; pipeline++) {
    const place = join(configDir, ".sched", "logs", "dwh", `tap_${pipeline}`);
    mkdirSync(place, { recursive: true, mode: 0o700 });
    for (let index = 0; index < each; index++) {
      const at = new Date(old.getTime() - index * 60_000).toISOString().replace(/[-:]|\.\d+/g, "");
      const path = join(place, `${at}-0${index.toString(36).padStart(13, "0")}.log`);
      writeFileSync(path, "", { mode: 0o600 });
      utimesSync(path, old, old);
    }
  }
}

/** Records of twenty months, all expired. */
function fillHistory(configDir) {
  const line = `${JSON.stringify({ id: "0mhs4j7k2a9qzx", tap: "orders", target: "dwh", outcome: "succeeded", host: "etl-1", pad: "x".repeat(220) })}\n`;
  const each = Math.ceil(records / OLD_MONTHS);
  for (let month = 0; month < OLD_MONTHS; month++) {
    const name = new Date(Date.UTC(2020, month, 1)).toISOString().slice(0, 7);
    const place = join(configDir, ".sched", "runs", name);
    mkdirSync(place, { recursive: true, mode: 0o700 });
    const file = openSync(join(place, "etl-1.jsonl"), "a", 0o600);
    for (let left = each; left > 0; left -= 1_000) writeSync(file, line.repeat(Math.min(left, 1_000)));
    closeSync(file);
  }
}

/** Files that killed runs have left in PipelineWise's tmp. Empty, because a disk may take long to free blocks. */
function fillTemporary(configDir) {
  const old = new Date(Date.now() - 2 * DAY_MS);
  mkdirSync(join(configDir, "tmp"));
  for (let index = 0; index < logs; index++) {
    const path = join(configDir, "tmp", `target_config_${index}.json`);
    writeFileSync(path, "");
    utimesSync(path, old, old);
  }
}

/** Logs of PipelineWise, and an installed schedule that removes them. */
function fillPipelineWiseLogs(configDir) {
  const old = new Date(Date.now() - 200 * DAY_MS);
  const place = join(configDir, "dwh", "orders", "log");
  mkdirSync(place, { recursive: true });
  for (let index = 0; index < logs; index++) {
    const at = new Date(old.getTime() - index * 60_000)
      .toISOString()
      .replace(/[-:]|\.\d+Z/g, "")
      .replace("T", "_");
    const path = join(place, `dwh-orders-${at}.singer.log.success`);
    writeFileSync(path, "");
    utimesSync(path, old, old);
  }
  const file = join(configDir, "schedule.yml");
  const schedule = {
    pipelinewise: { command: "true", config_dir: configDir },
    retention: { pipelinewise_logs: "30d" },
    pipelines: [{ tap: "orders", target: "dwh", cron: "@daily" }],
  };
  writeFileSync(file, JSON.stringify(schedule));
  const { status, stderr } = spawnSync(process.execPath, [program, "install", "--compile-only", file], { env });
  if (status !== 0) throw new Error(`install ended with ${status}\n${stderr}`);
}

/** Waits for a second at which `prune` acquires a lock at once. */
async function waitForQuietSecond() {
  while (new Date().getUTCSeconds() < 10 || new Date().getUTCSeconds() > 25) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const CASES = [
  ["nothing to remove", () => {}],
  [`${logs} logs of one pipeline`, (configDir) => fillLogs(configDir, 1, logs)],
  [`${logs} logs of 50 pipelines`, (configDir) => fillLogs(configDir, 50, Math.ceil(logs / 50))],
  [`${records} records`, fillHistory],
  [`${logs} files in tmp`, fillTemporary],
  [`${logs} logs of PipelineWise`, fillPipelineWiseLogs],
];

try {
  console.log("| case | files removed | `--dry-run` | removal | peak of memory |\n|---|---|---|---|---|");
  for (const [index, [name, fill]] of CASES.entries()) {
    const configDir = join(directory, String(index));
    mkdirSync(join(configDir, ".sched"), { recursive: true, mode: 0o700 });
    fill(configDir);
    const dry = measure(configDir, "--dry-run");
    await waitForQuietSecond();
    const real = measure(configDir);
    if (dry.files !== real.files) throw new Error(`${name}: ${dry.files} files found, ${real.files} removed`);
    const peak = Math.max(dry.peak, real.peak);
    console.log(
      `| ${name} | ${real.files} | ${dry.ms.toFixed(0)} ms | ${real.ms.toFixed(0)} ms | ${peak.toFixed(0)} MiB |`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
