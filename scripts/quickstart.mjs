// `npm run quickstart`: the whole job in a sandbox directory. Own HOME, own config directory, own crontab file and the
// stand-in for PipelineWise; your crontab and your ~/.pipelinewise are not touched. Safe to run again.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sandbox = join(root, ".quickstart");
const home = join(sandbox, "home");
const standIn = join(root, "examples", "stand-in");
const program = join(root, "bin", "pipelinewise-sched.cjs");
const crontabFile = join(sandbox, "crontab.txt");
const pair = ["--tap", "microserv_1", "--target", "redshift"];

const { PIPELINEWISE_CONFIG_DIRECTORY: _dir, PIPELINEWISE_HOME: _home, ...environment } = process.env;
const env = {
  ...environment,
  HOME: home,
  PATH: [join(sandbox, "bin"), standIn, dirname(process.execPath), "/usr/bin", "/bin"].join(":"),
};

const say = (text) => process.stdout.write(`${text}\n`);
const heading = (text) => say(`\n── ${text} ${"─".repeat(Math.max(3, 100 - text.length))}`);

/** Starts a program of the sandbox with its output on ours. */
function start(file, words) {
  const child = spawn(file, words, { cwd: sandbox, env, stdio: ["ignore", "inherit", "inherit"] });
  return { child, ended: once(child, "exit").then(([code]) => code) };
}

/** Runs our program, showing the command as one would type it; any other exit code than `expected` ends the tour. */
async function type(words, expected = 0) {
  say(`\n$ pipelinewise-sched ${words.join(" ")}`);
  const code = await start(process.execPath, [program, ...words]).ended;
  if (code !== expected) {
    throw new Error(`quickstart: \`${words.join(" ")}\` ended with ${code}; expected ${expected}`);
  }
  if (code !== 0) say(`(exit code ${code})`);
}

function makeSandbox() {
  rmSync(sandbox, { recursive: true, force: true });
  mkdirSync(join(sandbox, "bin"), { recursive: true });
  mkdirSync(home);
  cpSync(join(root, "examples", "schedule.yml"), join(sandbox, "schedule.yml"));
  // A stand-in for `crontab` that uses a file of the sandbox.
  const crontab = `#!/bin/sh
case "$1" in
  -l) if [ -f '${crontabFile}' ]; then cat '${crontabFile}'; else echo "no crontab for $(id -un)" >&2; exit 1; fi ;;
  -r) rm -f '${crontabFile}' ;;
  -*) echo "crontab: unknown option $1" >&2; exit 1 ;;
  *) cp "$1" '${crontabFile}' ;;
esac
`;
  writeFileSync(join(sandbox, "bin", "crontab"), crontab, { mode: 0o755 });
}

/** Waits until the run by hand has its lock; a run that ends before that is a failure of its own. */
async function untilRunning(ended) {
  const locks = join(home, ".pipelinewise", ".sched", "locks", "redshift", "microserv_1.lock");
  let over = false;
  ended.then(() => {
    over = true;
  });
  while (!existsSync(locks)) {
    if (over) throw new Error("quickstart: the first run ended before the second started");
    await wait(20);
  }
}

makeSandbox();
say(`A sandbox in ${sandbox}: own HOME, own config directory, own crontab file.`);
say("The stand-in of examples/stand-in replaces PipelineWise: it moves no data.");

heading("The schedule");
say(readFileSync(join(sandbox, "schedule.yml"), "utf8").trimEnd());

heading("A PipelineWise project is imported (stand-in)");
const imported = execFileSync(join(standIn, "pipelinewise"), ["import", "--dir", join(standIn, "project")], {
  env,
  encoding: "utf8",
});
say(imported.match(/Taps imported successfully.*/)?.[0] ?? imported);

heading("Check the file, and preview a Saturday");
await type(["validate", "schedule.yml"]);
await type(["preview", "schedule.yml", "--day", "2026-11-28", "--tap", "microserv_3"]);
await type(["preview", "schedule.yml"]);

heading("Install into the sandbox's own crontab");
await type(["install", "schedule.yml"]);
say("\n$ crontab -l");
say(readFileSync(crontabFile, "utf8").trimEnd());
await type(["install", "schedule.yml"]);

heading("Start one pipeline by hand; a second start at the same time is skipped");
say(`\n$ pipelinewise-sched run ${pair.join(" ")} &`);
const first = start(process.execPath, [program, "run", ...pair]);
await untilRunning(first.ended);
await type(["run", ...pair], 75);
const code = await first.ended;
if (code !== 0) throw new Error(`quickstart: the first run ended with ${code}`);

heading("Show the installed schedule and its runs");
await type(["status"]);
await type(["history"]);

heading("Use it with your own pipelines");
say(`Write your own schedule.yml next to your PipelineWise project, then:

    npm install --global "$(npm pack --silent)"   # a permanent copy for cron
    pipelinewise-sched validate schedule.yml
    pipelinewise-sched preview schedule.yml
    pipelinewise-sched install schedule.yml --dry-run
    pipelinewise-sched install schedule.yml

The sandbox stays in .quickstart/ until the next quickstart. You can delete it.`);
