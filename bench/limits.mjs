// Measures the processor time of starts that wait for a place, and the time from a free place to the next start.
// `node bench/limits.mjs [STARTS] [SECONDS]`; prints Markdown. Each start takes about 30 MiB of memory. With fewer than
// 500 starts, tickets of this process fill the queue, and the last starts count for those that are missing.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { makeSandbox } from "./sandbox.mjs";

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), "bin", "pipelinewise-sched.cjs");
const count = Number(process.argv[2] ?? 100);
const seconds = Number(process.argv[3] ?? 120);
const QUEUE = 500;
/** Starts that begin together: more would only wait for the processors. */
const AT_ONCE = 20;
/** The first starts of the queue look more often than the others. */
const FIRST = 10;
/** Until each start has looked, and V8 has optimized and cleaned up. */
const SETTLE_MS = 90_000;
const IDLE_PROCESSES = 20;
/** The least that a process with a heartbeat does. */
const IDLE = "setInterval(() => {}, 10_000)";

const taps = Array.from({ length: count }, (_, index) => `waiting_${index}`);
const sandbox = makeSandbox('#!/bin/sh\ndate +%s%N >>"$HOME/begun"\nexec sleep 900\n', {
  taps,
  limits: { target: { redshift: 1 }, source: {}, queueMs: 3_600_000 },
});
const begunFile = join(sandbox.env.HOME, "begun");
const queue = join(sandbox.env.PIPELINEWISE_CONFIG_DIRECTORY, ".sched", "limits", "queue");
const begun = () => (existsSync(begunFile) ? readFileSync(begunFile, "utf8").trim().split("\n") : []);
const tickets = () => (existsSync(queue) ? readdirSync(queue).sort() : []);

async function until(what, holds) {
  for (let tries = 0; tries < 6_000; tries++) {
    if (holds()) return;
    await sleep(20);
  }
  throw new Error(`this did not happen: ${what}`);
}

function node(args) {
  const child = spawn(process.execPath, args, { env: sandbox.env, stdio: "ignore" });
  return { child, ended: new Promise((resolve) => child.once("exit", resolve)) };
}

const start = (tap) => node([program, "run", "--tap", tap, "--target", "redshift"]);

/** Fills the queue after the starts with tickets of this process, which does not wait. */
function fillQueue() {
  const last = tickets().at(-1);
  const [number, boot, namespace] = last.split(".");
  const startTicks = readFileSync("/proc/self/stat", "latin1").split(") ")[1].split(" ")[19];
  const text = readFileSync(join(queue, last));
  for (let more = 1; more <= QUEUE - count; more++) {
    const token = [boot, namespace, process.pid, startTicks, more.toString(16)].join(".");
    writeFileSync(join(queue, `${String(Number(number) + more).padStart(10, "0")}.${token}.json`), text);
  }
}

/** Processor time of all threads of a process so far, in microseconds. The ticks of /proc/PID/stat are too coarse. */
function used({ child: { pid } }) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = (thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[0]);
  return threads.reduce((sum, thread) => sum + nanoseconds(thread), 0) / 1_000;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const mean = (values) => sum(values) / values.length;

/** @returns for each process, its processor time in microseconds for each second */
async function measure(processes) {
  const before = processes.map(used);
  const since = process.hrtime.bigint();
  await sleep(seconds * 1_000);
  const after = processes.map(used);
  const passed = Number(process.hrtime.bigint() - since) / 1e9;
  return after.map((value, index) => (value - before[index]) / passed);
}

const holder = start("microserv_1");
const idle = Array.from({ length: IDLE_PROCESSES }, () => node(["-e", IDLE]));
const starts = [];
try {
  await until("the first pipeline runs", () => begun().length === 1);
  for (const tap of taps) {
    starts.push(start(tap));
    if (starts.length % AT_ONCE === 0) await until("the starts are queued", () => tickets().length >= starts.length);
  }
  await until("all starts are queued", () => tickets().length >= count);
  const order = tickets().map((name) => Number(name.split(".")[3]));
  const inOrder = starts.toSorted((one, other) => order.indexOf(one.child.pid) - order.indexOf(other.child.pid));
  fillQueue();
  await sleep(SETTLE_MS);
  const rates = await measure([...idle, ...inOrder]);
  const base = mean(rates.slice(0, idle.length));
  const waiting = rates.slice(idle.length);
  const last = mean(waiting.slice(FIRST));
  const all = (sum(waiting) + last * (QUEUE - count)) / QUEUE;
  const freed = Date.now();
  holder.child.kill("SIGTERM");
  await holder.ended;
  const free = Date.now();
  await until("the next pipeline runs", () => begun().length === 2);
  const next = Number(BigInt(begun()[1]) / 1_000_000n);
  const row = (what, rate) => `| ${what} | ${rate.toFixed(1)} | ${(rate / base).toFixed(2)} |`;
  const share = (all * QUEUE) / 10_000 / cpus().length;
  console.log(
    [
      `node ${process.version}, ${cpus().length} CPUs (${cpus()[0]?.model ?? "?"}), load ${readFileSync("/proc/loadavg", "utf8").split(" ")[0]}; ${count} starts in a queue of ${QUEUE}, ${seconds} s.`,
      "",
      "| processor time of one process | µs for each second | of an idle Node |",
      "| --- | ---: | ---: |",
      row("idle Node: a timer every 10 s", base),
      row("longest waiting start", waiting[0]),
      row(`next ${FIRST - 1} starts, mean`, mean(waiting.slice(1, FIRST))),
      row("later starts, mean", last),
      row(`${QUEUE} starts, mean`, all),
      "",
      `${QUEUE} starts together: ${share.toFixed(2)} % of ${cpus().length} CPUs.`,
      `From the end of the holder (stopped in ${free - freed} ms) to the next pipeline's first line: ${next - free} ms.`,
    ].join("\n"),
  );
} finally {
  // Stops the newest start first and the holder last, so that no waiting start gets the place.
  for (const { child } of starts.toReversed()) child.kill("SIGTERM");
  for (const { child } of [...idle, holder]) child.kill("SIGTERM");
  await Promise.all([holder, ...idle, ...starts].map(({ ended }) => ended));
  sandbox.remove();
}
