// stand-in for PipelineWise, not PipelineWise: its console. All log lines go to stdout, tracebacks to stderr.
const { writeSync } = require("node:fs");

/** Local time as Python's `%Y-%m-%d %H:%M:%S`. */
function localStamp(at) {
  const two = (n) => String(n).padStart(2, "0");
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Everything on `fd`, whole and at once: what was said stands there, however the process ends a moment later. */
function writeAll(fd, text) {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; ) {
    try {
      from += writeSync(fd, bytes, from);
    } catch (error) {
      if (error.code === "EPIPE") return; // nobody reads any more; Python would complain at its end and go on until then
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

const print = (text) => writeAll(1, `${text}\n`);

function log(level, message, logger = "pipelinewise.cli.pipelinewise") {
  print(`time=${localStamp(new Date())} logger_name=${logger} log_level=${level} message=${message}`);
}

/** As Python's tabulate: a column is as wide as its widest cell, and at least two wider than its header. */
function renderTable(headers, rows) {
  const widths = headers.map((header, at) => Math.max(header.length + 2, ...rows.map((row) => row[at].length)));
  const line = (cells) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at]))
      .join("  ")
      .trimEnd();
  return [line(headers), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** A Python traceback as a reader of stderr meets it; only its first and last lines are kept to. */
const traceback = (error) =>
  `Traceback (most recent call last):\n  File "stand-in for PipelineWise, not PipelineWise", line 1, in <module>\n${error.kind ?? "Exception"}: ${error.message}`;

const printTraceback = (error) => writeAll(2, `${traceback(error)}\n`);

/** An exception that PipelineWise does not catch. `kind` is Python's name of it. */
class PythonError extends Error {
  constructor(message, kind = "Exception") {
    super(message);
    this.kind = kind;
  }
}

/** Ends the program with this code, as `sys.exit` does. */
class Exit extends Error {
  constructor(code) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** Logs an ERROR line. @returns what to throw */
function failure(message) {
  log("ERROR", message);
  return new Exit(1);
}

module.exports = { Exit, failure, log, print, printTraceback, PythonError, renderTable, traceback, writeAll };
