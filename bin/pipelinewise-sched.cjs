#!/usr/bin/env node
"use strict";
// Two entry points. A scheduler calls `run` every few minutes, so `run` loads little; everything else loads `main`.
const { existsSync } = require("node:fs");
const { join } = require("node:path");

const args = process.argv.slice(2);
const end = args.indexOf("--");
const own = end === -1 ? args : args.slice(0, end);
/** `run` with help or a schedule file needs the command line library and the YAML reader. */
const needsMain = (arg) => arg === "--help" || arg === "-h" || arg === "--file" || arg.startsWith("--file=");
const entry = join(__dirname, "..", "dist", own[0] === "run" && !own.some(needsMain) ? "run.cjs" : "main.cjs");

if (existsSync(entry)) {
  require(entry).open(args, __filename);
} else {
  process.stderr.write(
    `pipelinewise-sched: ${entry} is missing: the program is not built.\n  Run \`npm run build\` in its directory, or install the package again.\n`,
  );
  process.exitCode = 70;
}
