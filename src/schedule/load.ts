import { closeSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { EXIT, errorCode, errorMessage, SchedError, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type CheckedSchedule, parseSchedule } from "./parse.ts";
import { BadScheduleError, type Problem } from "./problem.ts";
import type { Schedule } from "./schedule.ts";

// Synchronous, because loading node:fs/promises takes longer than reading a schedule.
/** 500 pipelines need about 5 % of this. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads and checks a schedule file.
 *
 * @param file relative to the working directory
 * @throws BadScheduleError with all its problems, SchedError (66) when there is no such file, StoreError
 */
export async function loadSchedule(file: string, host: Pick<Host, "cwd">): Promise<Schedule> {
  const { schedule, problems } = await checkScheduleFile(file, host);
  if (schedule === undefined) throw new BadScheduleError(file, problems);
  return schedule;
}

/** Like `loadSchedule`, but returns the problems, warnings included. */
export async function checkScheduleFile(file: string, host: Pick<Host, "cwd">): Promise<CheckedSchedule> {
  const path = resolve(host.cwd, file);
  const bytes = readStart(file, path);
  if (bytes.length > MAX_BYTES) {
    return refused({
      file,
      message: "the file is larger than 1 MiB",
      hint: "Check that it is a schedule file: 500 pipelines take about 50 kB.",
    });
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) return refused({ file, ...firstBadByte(bytes) });
  return parseSchedule(text, { file, path, bytes });
}

const refused = (problem: Pick<Problem, "file" | "message" | "hint"> & Partial<Problem>): CheckedSchedule => ({
  schedule: undefined,
  problems: [{ line: 1, column: 1, path: "", severity: "error", ...problem }],
  warn: () => [],
});

/** Reads the file up to one byte above the limit: the path may name a device or a pipe. */
function readStart(file: string, path: string): Buffer {
  try {
    const fd = openSync(path, "r");
    try {
      return readUpTo(fd, MAX_BYTES + 1);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw readFault(file, path, cause);
  }
}

function readUpTo(fd: number, limit: number): Buffer {
  const buffer = Buffer.alloc(limit);
  let length = 0;
  while (length < limit) {
    const taken = readSync(fd, buffer, length, limit - length, null);
    if (taken === 0) break;
    length += taken;
  }
  return buffer.subarray(0, length);
}

function readFault(file: string, path: string, cause: unknown): SchedError {
  const code = errorCode(cause);
  if (code === "ENOENT" || code === "ENOTDIR") {
    const hint = "Name the schedule file. The default is schedule.yml in the working directory.";
    return new SchedError(`no such file: ${path}`, { exitCode: EXIT.noInput, hint, cause });
  }
  if (code === "EISDIR") {
    const hint = `Name a file in it, such as ${file.replace(/\/+$/, "")}/schedule.yml.`;
    return new SchedError(`${path} is a directory`, { exitCode: EXIT.noInput, hint, cause });
  }
  const hint = code === "EACCES" ? "Check the owner and mode of the file and of its directories: `ls -ld`." : undefined;
  return new StoreError(`cannot read ${path}: ${errorMessage(cause)}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Position of the first invalid byte, found by bisecting for the longest prefix that decodes. */
function firstBadByte(bytes: Uint8Array): Pick<Problem, "line" | "column" | "message" | "hint"> {
  let good = 0;
  let bad = bytes.length;
  const decoder = (end: number): string | undefined => {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, end), { stream: true });
    } catch {
      return undefined;
    }
  };
  while (good + 1 < bad) {
    const middle = (good + bad) >> 1;
    if (decoder(middle) === undefined) bad = middle;
    else good = middle;
  }
  const lines = (decoder(good) ?? "").split("\n");
  const wide = bytes[0] === 0xff || bytes[0] === 0xfe;
  const byte = (bytes[good] ?? 0).toString(16).padStart(2, "0");
  return {
    line: lines.length,
    column: (lines.at(-1)?.length ?? 0) + 1,
    message: wide ? "the file is encoded as UTF-16" : `the byte 0x${byte} is not valid UTF-8`,
    hint: "Save the file as UTF-8.",
  };
}
