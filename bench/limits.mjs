// Measures the processor time of many starts that wait for a place, and the time from a free place to the next start.
// `node bench/limits.mjs [STARTS] [SECONDS]`; prints Markdown. 500 starts take about 15 GiB of memory.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { makeSandbox } from "./sandbox.mjs";

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), "bin", "pipelinewise-sched.cjs");
const count = Number(process.argv[2] ?? 500);
const seconds = Number(process.argv[3] ?? 60);
/** Starts that begin together: more would only wait for the processors. */
const AT_ONCE = 20;
const TICKS_PER_SECOND = 100;

const taps = Array.from({ length: count }, (_, index) => `waiting_${index}`);
const sandbox = makeSandbox('#!/bin/sh\ndate +%s%N >>"$HOME/begun"\nexec sleep 600\n', {
  taps,
  limits: { target: { redshift: 1 }, source: {}, queueMs: 3_600_000 },
});
const begunFile = join(sandbox.env.HOME, "begun");
const queue = join(sandbox.env.PIPELINEWISE_CONFIG_DIRECTORY, ".sched", "limits", "queue");
const begun = () => (existsSync(begunFile) ? readFileSync(begunFile, "utf8").trim().split("\n") : []);
const queued = () => (existsSync(queue) ? readdirSync(queue).length : 0);

async function until(what, holds) {
  for (let tries = 0; tries < 6_000; tries++) {
    if (holds()) return;
    await sleep(20);
  }
  throw new Error(`this did not happen: ${what}`);
}

function start(tap) {
  const child = spawn(process.execPath, [program, "run", "--tap", tap, "--target", "redshift"], {
    env: sandbox.env,
    stdio: "ignore",
  });
  return { child, ended: new Promise((resolve) => child.once("exit", resolve)) };
}

/** Processor time of a process so far, in seconds. */
function used(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const holder = start("microserv_1");
const starts = [];
try {
  await until("the first pipeline runs", () => begun().length === 1);
  for (const tap of taps) {
    starts.push(start(tap));
    if (starts.length % AT_ONCE === 0) await until("the starts are queued", () => queued() >= starts.length);
  }
  await until("all starts are queued", () => queued() >= count);
  await sleep(15_000);
  const total = () => starts.reduce((sum, { child }) => sum + used(child.pid), 0);
  const [before, since] = [total(), process.hrtime.bigint()];
  await sleep(seconds * 1000);
  const share = (total() - before) / (Number(process.hrtime.bigint() - since) / 1e9);
  const freed = Date.now();
  holder.child.kill("SIGTERM");
  await holder.ended;
  const free = Date.now();
  await until("the next pipeline runs", () => begun().length === 2);
  const next = Number(BigInt(begun()[1]) / 1_000_000n);
  console.log(
    [
      `node ${process.version}, ${cpus().length} CPUs (${cpus()[0]?.model ?? "?"}), load ${readFileSync("/proc/loadavg", "utf8").split(" ")[0]}.`,
      "",
      "| figure | value |",
      "| --- | ---: |",
      `| ${count} waiting starts, processor time together during ${seconds} s, of one CPU | ${(share * 100).toFixed(2)} % |`,
      `| the same, of all ${cpus().length} CPUs | ${((share * 100) / cpus().length).toFixed(2)} % |`,
      `| from the end of the holder (stopped in ${free - freed} ms) to the next pipeline's first line | ${next - free} ms |`,
    ].join("\n"),
  );
} finally {
  // Stops the newest start first and the holder last, so that no waiting start gets the place.
  for (const { child } of starts.toReversed()) child.kill("SIGTERM");
  holder.child.kill("SIGTERM");
  await Promise.all([holder, ...starts].map(({ ended }) => ended));
  sandbox.remove();
}
