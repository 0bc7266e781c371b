// Measures `history`, `logs` and `status` over a million records of three hosts: their time, and their peak of memory,
// compared with those of an empty Node process and of an empty history. `node bench/history.mjs [RECORDS]`; prints
// Markdown. Needs dist/.
import { spawnSync } from "node:child_process";
import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, "bin", "pipelinewise-sched.cjs");
const records = Number(process.argv[2] ?? 1_000_000);
const directory = mkdtempSync(join(tmpdir(), "pws-bench-"));
const { NODE_EXTRA_CA_CERTS: _certs, ...env } = process.env;

const MONTHS = 12;
const HOSTS = ["etl-1", "etl-2", "etl-3"];
const PIPELINES = 60;
/** The newest run. */
let newest;

const tellMemory = join(directory, "tell-memory.cjs");
writeFileSync(
  tellMemory,
  'process.on("exit", () => require("fs").writeSync(2, "\\npeak=" + process.resourceUsage().maxRSS + "\\n"))\n',
);

/** Runs Node with these arguments. Its output goes to a file, so that a slow reader costs it nothing. */
function measureOnce(words) {
  const out = openSync(join(directory, "out"), "w");
  const start = process.hrtime.bigint();
  const args = ["--require", tellMemory, ...words];
  const { status, stderr } = spawnSync(process.execPath, args, { env, stdio: ["ignore", out, "pipe"] });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  closeSync(out);
  if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}\n${stderr}`);
  return { ms, peak: Number(/^peak=(\d+)$/m.exec(stderr.toString())?.[1] ?? Number.NaN) / 1024 };
}

/** The fastest of five, or of one if that takes long: other processes of the machine only make it slower. */
function measure(words) {
  const results = [measureOnce(words)];
  while (results.length < 5 && results[0].ms < 2_000) results.push(measureOnce(words));
  return { ms: Math.min(...results.map(({ ms }) => ms)), peak: Math.max(...results.map(({ peak }) => peak)) };
}

/** A record like those that a run writes: most are runs, many are skips, some failed. */
function recordOf(index, at, host) {
  const tap = `microserv_${index % PIPELINES}`;
  const id = `${at.toString(36).padStart(9, "0")}${(index % 36 ** 5).toString(36).padStart(5, "0")}`;
  const startedAt = new Date(at).toISOString();
  const pipeline = { id, tap, target: "redshift", command: "run_tap" };
  const when = { host, slot: startedAt, scheduled: true, startedAt };
  if (index % 3 === 2) {
    const detail = `is locked by host ${host}, pid 22096, since ${startedAt} (3 min)`;
    return { ...pipeline, outcome: "skipped", reason: "overlap", detail, exitCode: 0, ...when, endedAt: startedAt };
  }
  const endedAt = new Date(at + 20_000 + (index % 100) * 1_000).toISOString();
  const log = `/home/etl/.pipelinewise/.sched/logs/redshift/${tap}/${startedAt.replace(/[-:]|\.\d+/g, "")}-${id}.log`;
  const isFailed = index % 1_000 === 0;
  const end = isFailed ? { outcome: "failed", exitCode: 1 } : { outcome: "succeeded", exitCode: 0 };
  return { ...pipeline, ...end, log, ...when, endedAt };
}

function fillHistory(configDir) {
  const each = Math.ceil(records / MONTHS / HOSTS.length);
  let index = 0;
  for (let month = 0; month < MONTHS; month++) {
    const begin = Date.UTC(2026, month, 1);
    const step = (27 * 86_400_000) / each;
    const place = join(configDir, ".sched", "runs", new Date(begin).toISOString().slice(0, 7));
    mkdirSync(place, { recursive: true, mode: 0o700 });
    for (const [number, host] of HOSTS.entries()) {
      const lines = [];
      for (let count = 0; count < each; count++) {
        const record = recordOf(index++, Math.floor(begin + count * step) + number * 1_000, host);
        lines.push([record.endedAt, JSON.stringify(record)]);
      }
      const file = openSync(join(place, `${host}.jsonl`), "a", 0o600);
      lines.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
      for (let from = 0; from < each; from += 1_000) {
        const some = lines.slice(from, from + 1_000).map(([, line]) => `${line}\n`);
        writeSync(file, some.join(""));
      }
      closeSync(file);
    }
  }
  leaveLog(configDir, recordOf(index + 1, Date.UTC(2026, MONTHS - 1, 28), HOSTS[0]));
}

/** The newest run of a pipeline, with its log and as the newest record of its lock. */
function leaveLog(configDir, record) {
  const { id, tap, target, startedAt, endedAt } = record;
  const state = join(configDir, ".sched");
  const files = [
    [join(state, "runs", endedAt.slice(0, 7), `${HOSTS[0]}.jsonl`), `${JSON.stringify(record)}\n`],
    [join(state, "last", target, `${tap}.json`), JSON.stringify({ run_tap: record })],
    [join(state, "logs", target, tap, `${startedAt.replace(/[-:]|\.\d+/g, "")}-${id}.log`), "line\n".repeat(1_000)],
  ];
  for (const [path, text] of files) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    appendFileSync(path, text, { mode: 0o600 });
  }
  newest = record;
}

const HISTORY = [
  [],
  ["--limit", "100", "--tap", "microserv_7"],
  ["--since", "2026-12-20"],
  ["--since", "2026-03-01", "--until", "2026-03-02"],
  ["--outcome", "failed", "--limit", "all"],
  ["--limit", "all"],
  ["--json", "--limit", "all"],
  ["--csv", "--limit", "all"],
];

try {
  const [empty, full] = ["empty", "full"].map((name) => join(directory, name));
  for (const configDir of [empty, full]) mkdirSync(join(configDir, ".sched"), { recursive: true, mode: 0o700 });
  fillHistory(full);
  const call = (configDir, ...words) => [program, ...words, "--config-dir", configDir];
  const cases = [
    ["`node -e 0`", ["-e", "0"]],
    ["`logs --tap … --target …`", call(full, "logs", "--tap", newest.tap, "--target", newest.target)],
    ["`logs`", call(full, "logs")],
    ["`status`, no schedule", call(full, "status")],
    ["`history`, no record", call(empty, "history")],
    ...HISTORY.map((options) => [`\`${["history", ...options].join(" ")}\``, call(full, "history", ...options)]),
  ];
  console.log("| command | time | peak of memory |\n|---|---|---|");
  for (const [name, words] of cases) {
    const { ms, peak } = measure(words);
    console.log(
      `| ${name} | ${ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(1)} s`} | ${peak.toFixed(0)} MiB |`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
