#!/usr/bin/env node
"use strict";
// Two doors. A scheduler calls `run` at every tick, so `run` has a small bundle of its own; all else loads the large one.
const words = process.argv.slice(2);
const end = words.indexOf("--");
const own = end === -1 ? words : words.slice(0, end);
const slow = (word) => word === "--help" || word === "-h" || word === "--file" || word.startsWith("--file=");
const short = own[0] === "run" && !own.some(slow);
require(short ? "../dist/run.cjs" : "../dist/main.cjs").open(words, __filename);
