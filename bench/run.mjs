// How long a tick takes, beside an empty node in the same rounds. `node bench/run.mjs [ROUNDS]`; prints Markdown.
// NODE_EXTRA_CA_CERTS is left out: where it is set, node reads it at each start and every ratio looks half as bad.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { makeSandbox } from "./sandbox.mjs";

const program = join(dirname(dirname(fileURLToPath(import.meta.url))), "bin", "pipelinewise-sched.cjs");
const rounds = Number(process.argv[2] ?? 40);

// `microserv_1` runs as long as its stdin-less `sleep`; every other pipeline ends at once.
const sandbox = makeSandbox('#!/bin/sh\ncase "$*" in *microserv_1*) exec sleep 600 ;; esac\nexit 0\n');
const tick = (tap) => [program, "run", "--scheduled", "--tap", tap, "--target", "redshift"];

/** A tick of a tap whose slot is due. */
function timedTick(tap) {
  sandbox.forgetSlot(tap);
  return timed(process.execPath, tick(tap));
}

/** A `tend` whose five minutes no host has handled, with nothing to do. */
function timedTend() {
  rmSync(join(sandbox.env.PIPELINEWISE_CONFIG_DIRECTORY, ".sched", "tend"), { recursive: true, force: true });
  return timed(process.execPath, [program, "tend"]);
}

function timed(command, args, expected = 0) {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command, args, { env: sandbox.env, stdio: ["ignore", "ignore", "pipe"] });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== expected) throw new Error(`${command} ${args.join(" ")} ended with ${status}\n${stderr}`);
  return ms;
}

/** Peak of a process's memory in MiB, which it tells itself at its end. */
function peakMemory(args) {
  const { stderr } = spawnSync(process.execPath, ["--require", sandbox.tellMemory, ...args], {
    env: sandbox.env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [, kibibytes] = /^peak=(\d+)$/m.exec(stderr.toString()) ?? [];
  return kibibytes === undefined ? undefined : Number(kibibytes) / 1024;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

async function untilHeld(directory) {
  for (let tries = 0; tries < 500; tries++) {
    if (existsSync(directory)) return;
    await sleep(20);
  }
  throw new Error(`no lock in ${directory}`);
}

const cases = {
  empty: () => timed(process.execPath, ["-e", "0"]),
  child: () => timed(sandbox.pipelinewise, ["run_tap", "--tap", "microserv_2"]),
  skip: () => timedTick("microserv_1"),
  undue: () => timed(process.execPath, tick("microserv_3")),
  run: () => timedTick("microserv_2"),
  tend: timedTend,
  // The one before has handled the five minutes.
  tended: () => timed(process.execPath, [program, "tend"]),
};

const holder = spawn(process.execPath, tick("microserv_1"), { env: sandbox.env, stdio: "ignore" });
const ended = new Promise((resolve) => holder.once("exit", resolve));
try {
  await untilHeld(join(sandbox.env.PIPELINEWISE_CONFIG_DIRECTORY, ".sched", "locks", "redshift", "microserv_1.lock"));
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (const measure of Object.values(cases)) measure();
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of Object.entries(cases)) times[name].push(measure());
  }
  const ratio = (above, below) =>
    median(times[above].map((ms, at) => ms / below.reduce((sum, name) => sum + times[name][at], 0)));
  const row = (...cells) => `| ${cells.join(" | ")} |`;
  const ms = (name) => median(times[name]).toFixed(1);
  sandbox.forgetSlot("microserv_1");
  sandbox.forgetSlot("microserv_2");
  const memory = {
    skip: peakMemory(tick("microserv_1")),
    undue: peakMemory(tick("microserv_3")),
    run: peakMemory(tick("microserv_2")),
    empty: peakMemory(["-e", "0"]),
  };
  const mib = (name) => memory[name]?.toFixed(0) ?? "?";
  console.log(
    [
      `Medians of ${rounds} rounds, each case once a round; node ${process.version}, ${cpus().length} CPUs (${cpus()[0]?.model ?? "?"}), load ${readFileSync("/proc/loadavg", "utf8").split(" ")[0]}.`,
      "",
      row("case", "ms", "ratio", "peak RSS, MiB"),
      row("---", "---:", "---:", "---:"),
      row("`node -e 0`", ms("empty"), "1.00", mib("empty")),
      row("a trivial child by itself", ms("child"), "", ""),
      row(
        "`run --scheduled`, skipped: the pipeline runs already",
        ms("skip"),
        `${ratio("skip", ["empty"]).toFixed(2)} × empty node`,
        mib("skip"),
      ),
      row(
        "`run --scheduled` by a candidate line, nothing due",
        ms("undue"),
        `${ratio("undue", ["empty"]).toFixed(2)} × empty node`,
        mib("undue"),
      ),
      row(
        "`run --scheduled` of the trivial child, whole",
        ms("run"),
        `${ratio("run", ["empty", "child"]).toFixed(2)} × (empty node + child)`,
        mib("run"),
      ),
      row("`tend`, nothing to do", ms("tend"), `${ratio("tend", ["skip"]).toFixed(2)} × a skipped start`, ""),
      row(
        "`tend`, another host has done it",
        ms("tended"),
        `${ratio("tended", ["skip"]).toFixed(2)} × a skipped start`,
        "",
      ),
    ].join("\n"),
  );
} finally {
  holder.kill("SIGTERM");
  await ended;
  sandbox.remove();
}
