"use strict";
// Keeps compiled code for the next starts. Whatever fails here is no fault: the next start compiles anew.
const fs = require("node:fs");
const v8 = require("node:v8");
const { Script } = require("node:vm");
const { join } = require("node:path");

const WEEK_MS = 7 * 86_400_000;

/** The code of all functions, also of those that nothing has called yet. */
function compileWhole(source, filename) {
  const flags = ["lazy", "compilation-cache"];
  for (const flag of flags) v8.setFlagsFromString(`--no-${flag}`);
  const script = new Script(source, { filename });
  // Before it is written: V8 refuses code that was written under other flags.
  for (const flag of flags) v8.setFlagsFromString(`--${flag}`);
  return script.createCachedData();
}

/** Synced before it is renamed: half a file would stand there for good. */
function write(file, bytes) {
  const beside = `${file}.${process.pid}.tmp`;
  const descriptor = fs.openSync(beside, "wx", 0o600);
  try {
    fs.writeFileSync(descriptor, bytes);
    fs.fsyncSync(descriptor);
    fs.renameSync(beside, file);
  } catch (error) {
    fs.rmSync(beside, { force: true });
    throw error;
  } finally {
    fs.closeSync(descriptor);
  }
}

/** What other versions of us, or of Node, have left. */
function prune(folder) {
  for (const name of fs.readdirSync(folder)) {
    const file = join(folder, name);
    if (Date.now() - fs.statSync(file).mtimeMs > WEEK_MS) fs.rmSync(file);
  }
}

/**
 * @param scripts each with its text, and the file that its code is kept in
 * @param whole keep all of them whole, as the next tick may go another way; else what was used, as most of a library is not
 */
exports.keepCode = (folder, scripts, whole) => {
  try {
    fs.mkdirSync(folder, { mode: 0o700, recursive: true });
    const found = fs.lstatSync(folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0) return;
    prune(folder);
    for (const { script, source, filename, file } of scripts) {
      const code = whole ? compileWhole(source, filename) : script.createCachedData();
      write(file, Buffer.concat([code, code]));
    }
  } catch {}
};
