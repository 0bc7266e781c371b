#!/usr/bin/env node
"use strict";
// Two doors. A scheduler calls `run` at every tick, so `run` has a small bundle of its own; all else loads the large one.
//
// V8 would compile a door anew at each start, which takes a tick longer than what it does. So its compiled code is kept
// (keep-code.cjs), and read back here. Node's own `module.enableCompileCache` is not in every Node that we run on, and
// trusts whatever folder it finds.
const { lstatSync, readFileSync } = require("node:fs");
const { Script } = require("node:vm");

const dist = `${__dirname}/../dist/`;
const uid = process.getuid?.();
/** On a disk of this machine: a home or a share that hangs must not hang a start before it can tell so. */
const folder = process.env.PIPELINEWISE_SCHED_CODE_CACHE ?? `/var/tmp/pipelinewise-sched-${uid}`;
/** Scripts that had no kept code. */
const fresh = [];
const modules = new Map();

/** Whether nobody else may have put code there. */
function isOurs() {
  try {
    const found = lstatSync(folder);
    return found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0;
  } catch {
    return false;
  }
}
const trusted = folder !== "" && isOurs();

/** V8 checks no sum, and one made here would take longer than the reading: the code stands there twice. */
function keptCode(file) {
  try {
    const bytes = readFileSync(file);
    const half = bytes.subarray(0, bytes.length / 2);
    return half.equals(bytes.subarray(half.length)) ? half : undefined;
  } catch {
    return undefined;
  }
}

function load(name) {
  const known = modules.get(name);
  if (known !== undefined) return known.exports;
  const module = { exports: {} };
  modules.set(name, module);
  const filename = dist + name;
  const text = readFileSync(filename, "utf8");
  // The build ends each file with the digest of its text: V8 itself would take any text of the same length for the same.
  const file = `${folder}/${name}-${text.slice(-17, -1)}-${process.version}-${process.arch}`;
  const cachedData = trusted ? keptCode(file) : undefined;
  const source = `(function (exports, require, module, __filename, __dirname) {${text}})`;
  const script = new Script(source, { filename, cachedData });
  if (cachedData === undefined || script.cachedDataRejected) fresh.push({ script, source, filename, file });
  script.runInThisContext()(
    module.exports,
    (wanted) => (wanted.startsWith("./") ? load(wanted.slice(2)) : require(wanted)),
    module,
    filename,
    dist,
  );
  return module.exports;
}

const words = process.argv.slice(2);
const end = words.indexOf("--");
const own = end === -1 ? words : words.slice(0, end);
const slow = (word) => word === "--help" || word === "-h" || word === "--file" || word.startsWith("--file=");
const short = own[0] === "run" && !own.some(slow);
load(short ? "run.cjs" : "main.cjs")
  .open(words, __filename)
  .then(() => {
    if (fresh.length > 0 && folder !== "") require("./keep-code.cjs").keepCode(folder, fresh, short);
  });
