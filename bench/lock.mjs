// Measures the cost of the lock. `node bench/lock.mjs [ROUNDS]`; prints Markdown. Needs dist/.
// `--failover` measures what takes minutes, with the default lease: another host, simulated by a mount namespace with
// another boot and machine id (needs root), is killed, and the pipeline is started on this one.
// NODE_EXTRA_CA_CERTS is removed: Node would read it at each start, and every ratio would look better than it is.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { makeSandbox } from "./sandbox.mjs";

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), "bin", "pipelinewise-sched.cjs");
const words = process.argv.slice(2);
const isFailover = words.includes("--failover");
const rounds = Number(words.find((word) => /^\d+$/.test(word)) ?? 5);
const STARTS = 200;
const APART_MS = 1000 / STARTS;
const KILLS_A_ROUND = 4;

/** Says that it began, and works until it is stopped. */
const sandbox = makeSandbox('#!/bin/sh\necho $$ >>"$HOME/began"\nexec sleep 900\n');
const began = join(sandbox.env.HOME, "began");
const TAP = "microserv_1";
const PAIR = ["--tap", TAP, "--target", "redshift"];
const TICK = [program, "run", "--scheduled", ...PAIR];

const now = () => Number(process.hrtime.bigint()) / 1e6;
const begun = () => (existsSync(began) ? readFileSync(began, "utf8").split("\n").length - 1 : 0);
const sorted = (values) => values.toSorted((a, b) => a - b);
const median = (values) => sorted(values)[Math.floor(values.length / 2)];
const row = (...cells) => `| ${cells.join(" | ")} |`;

function start(args, command = process.execPath, env = {}) {
  const child = spawn(command, args, { env: { ...sandbox.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const ended = new Promise((resolve) => {
    child.once("close", (code, signal) => resolve({ code: code ?? signal, stderr }));
  });
  return { child, ended };
}

async function untilBegun(count) {
  while (begun() < count) await sleep(1);
}

/** So many starts within a second. @returns milliseconds until all but one have ended, and that one */
async function storm(args) {
  const first = now();
  const running = new Set();
  let ended = 0;
  const allButOne = new Promise((resolve, reject) => {
    for (let at = 0; at < STARTS; at++) {
      setTimeout(() => {
        const one = start(args);
        running.add(one);
        void one.ended.then(({ code, stderr }) => {
          running.delete(one);
          if (code !== 0 && code !== "SIGTERM" && code !== 143) reject(new Error(`ended with ${code}: ${stderr}`));
          if (++ended === STARTS - 1) resolve();
        });
      }, at * APART_MS);
    }
  });
  await allButOne;
  return { ms: now() - first, left: [...running] };
}

/** 200 starts of one pipeline, of which one runs, beside 200 empty nodes. */
async function startsInASecond() {
  const empty = (await storm(["-e", "0"])).ms;
  sandbox.forgetSlot(TAP);
  rmSync(began, { force: true });
  const told = records().length;
  const { ms, left } = await storm(TICK);
  if (begun() !== 1 || left.length !== 1) throw new Error(`${begun()} of ${STARTS} starts ran`);
  if (records().length - told !== STARTS - 1) throw new Error(`${records().length - told} skips are recorded`);
  left[0].child.kill("SIGTERM");
  await left[0].ended;
  return { ms, empty };
}

function records() {
  const directory = join(sandbox.env.PIPELINEWISE_CONFIG_DIRECTORY, ".sched", "runs");
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory, { recursive: true }).filter((name) => name.endsWith(".jsonl"));
  return files.flatMap((name) => readFileSync(join(directory, name), "utf8").split("\n").slice(0, -1));
}

/** From a start to its pipeline's first word: on a free lock, and counted from the moment its holder is killed. */
async function startAfterKill() {
  rmSync(began, { force: true });
  sandbox.forgetSlot(TAP);
  const first = now();
  const holder = start(TICK);
  await untilBegun(1);
  const free = now() - first;
  holder.child.kill("SIGKILL");
  const killed = now();
  for (let starts = 1; ; starts++) {
    sandbox.forgetSlot(TAP);
    const next = start(TICK);
    const ran = await Promise.race([untilBegun(2).then(() => true), next.ended.then(() => begun() === 2)]);
    if (!ran) continue;
    const after = now() - killed;
    next.child.kill("SIGTERM");
    await next.ended;
    await holder.ended;
    return { free, after, starts };
  }
}

/** Words that start a process as on another host. */
function onOtherHost() {
  const [boot, machine] = ["boot", "machine"].map((name) => join(sandbox.env.HOME, name));
  writeFileSync(boot, "11111111-0000-4000-8000-000000000000\n");
  writeFileSync(machine, "f".repeat(32));
  const mounts = `mount --bind ${boot} /proc/sys/kernel/random/boot_id; mount --bind ${machine} /etc/machine-id`;
  return ["-m", "--propagation", "private", "sh", "-ec", `${mounts}; exec "$@"`, "sh", process.execPath];
}

/**
 * @param firstMs from the kill to the first start here
 * @param everyMs from one to the next; none: it is the only one, as of a daily pipeline
 */
async function failover({ firstMs, everyMs = Number.POSITIVE_INFINITY }) {
  rmSync(began, { force: true });
  // Nothing is installed there: it takes the `pipelinewise` that it finds.
  const other = { PIPELINEWISE_SCHED_HOST: "other", PATH: `${dirname(sandbox.pipelinewise)}:${process.env.PATH}` };
  const holder = start([...onOtherHost(), program, "run", ...PAIR], "unshare", other);
  let refusal;
  void holder.ended.then(({ stderr }) => {
    refusal = stderr;
  });
  while (begun() < 1) {
    if (refusal !== undefined) throw new Error(refusal);
    await sleep(10);
  }
  holder.child.kill("SIGKILL");
  const killed = now();
  const starts = [];
  for (let due = killed + firstMs; begun() < 2; await sleep(10)) {
    if (now() < due) continue;
    sandbox.forgetSlot(TAP);
    starts.push(start(TICK));
    due += everyMs;
  }
  const seconds = (now() - killed) / 1000;
  for (const { child } of starts) child.kill("SIGTERM");
  await Promise.all(starts.map(({ ended }) => ended));
  return { seconds, starts: starts.length };
}

const setting = () =>
  `node ${process.version}, ${cpus().length} CPUs (${cpus()[0]?.model ?? "?"}), load ${readFileSync("/proc/loadavg", "utf8").split(" ")[0]}.`;

async function measure() {
  const storms = [];
  const kills = [];
  // The first start keeps its compiled code for the others.
  await startAfterKill();
  for (let round = 0; round < rounds; round++) {
    storms.push(await startsInASecond());
    for (let kill = 0; kill < KILLS_A_ROUND; kill++) kills.push(await startAfterKill());
  }
  const of = (list, name) => list.map((one) => one[name]);
  const spread = (values) =>
    `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`;
  const ratio = median(storms.map(({ ms, empty }) => ms / empty));
  return [
    `Medians of ${storms.length} storms and ${kills.length} kills; ${setting()}`,
    "",
    row("case", "ms", "beside it, ms", "ratio"),
    row("---", "---:", "---:", "---:"),
    row(
      `${STARTS} starts of one pipeline in a second: one runs, ${STARTS - 1} are skipped`,
      spread(of(storms, "ms")),
      `${STARTS} × \`node -e 0\`: ${spread(of(storms, "empty"))}`,
      ratio.toFixed(2),
    ),
    row(
      `from kill -9 of the wrapper until the next run's pipeline is running, at most ${Math.max(...of(kills, "starts"))} starts`,
      spread(of(kills, "after")),
      `from a start on a free lock: ${spread(of(kills, "free"))}`,
      "",
    ),
  ];
}

async function measureFailover() {
  if (spawnSync("unshare", ["-m", "true"]).status !== 0) throw new Error("a mount namespace needs root");
  const lines = [
    setting(),
    "",
    row("starts here, after the kill", "failover, s", "starts"),
    row("---", "---:", "---:"),
  ];
  for (const { what, ...plan } of [
    { what: "one, after 45 s", firstMs: 45_000 },
    { what: "after 1 s and then every minute", firstMs: 1_000, everyMs: 60_000 },
  ]) {
    const { seconds, starts } = await failover(plan);
    lines.push(row(what, seconds.toFixed(0), starts));
  }
  return lines;
}

try {
  console.log((await (isFailover ? measureFailover() : measure())).join("\n"));
} finally {
  sandbox.remove();
}
