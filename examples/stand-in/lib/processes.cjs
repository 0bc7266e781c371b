// stand-in for PipelineWise, not PipelineWise: what it asks about other processes. Linux: it reads /proc.
const { readdirSync, readFileSync } = require("node:fs");

/** `undefined` for a process that is gone. */
function processStat(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { pid, parent: Number(parent), group: Number(group) };
  } catch {
    return undefined;
  }
}

/** First word of a process's command line; `""` for a zombie, `undefined` for a process that is gone. */
function firstWord(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0", 1)[0];
  } catch {
    return undefined;
  }
}

/** Children, their children and so on, parents first. */
function descendants(root) {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processStat(Number(name)))
    .filter((stat) => stat !== undefined);
  const below = (parent) => {
    const children = all.filter((stat) => stat.parent === parent).map(({ pid }) => pid);
    return [...children, ...children.flatMap(below)];
  };
  return below(root);
}

/** A zombie exists too: where nobody reaps orphans, PipelineWise waits for them in vain. */
const exists = (pid) => processStat(pid) !== undefined;

/** @returns false when there is no such process */
function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

module.exports = { descendants, firstWord, exists, processStat, sendSignal };
