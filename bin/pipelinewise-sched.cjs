#!/usr/bin/env node
"use strict";
// Three entry points. A scheduler calls `run` and `tend` every few minutes, so they load little; everything else loads
// `main`.
const { existsSync } = require("node:fs");
const { join } = require("node:path");

const args = process.argv.slice(2);
const end = args.indexOf("--");
const own = end === -1 ? args : args.slice(0, end);
/** These need the command line library, or the YAML reader. */
const needsMain = (arg) => arg === "--help" || arg === "-h" || arg === "--file" || arg.startsWith("--file=");
const isSmall = (own[0] === "run" || own[0] === "tend") && !own.some(needsMain);
const entry = join(__dirname, "..", "dist", `${isSmall ? own[0] : "main"}.cjs`);

if (existsSync(entry)) {
  require(entry).open(args, __filename);
} else {
  process.stderr.write(
    `pipelinewise-sched: ${entry} is missing: the program is not built.\n  Run \`npm run build\` in its directory, or install the package again.\n`,
  );
  process.exitCode = 70;
}
