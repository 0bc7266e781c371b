import { closeSync, openSync, readSync, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { EXIT, errorCode, SchedError } from "../errors.ts";
import type { Host } from "../host.ts";
import { assertPlainPath } from "../storage/config-dir.ts";
import { ioError } from "../storage/store-error.ts";
import { compareFiles } from "../system/compare-files.ts";
import { BadScheduleError, type PlacedDiagnostic } from "./diagnostic.ts";
import { type CheckedSchedule, parseSchedule } from "./parse.ts";
import type { Schedule } from "./schedule.ts";

/** 500 pipelines need about 5 % of this. */
const MAX_BYTES = 1024 * 1024;

/** A schedule file without errors. */
export interface ValidSchedule extends CheckedSchedule {
  /** As the user named it. */
  readonly file: string;
  readonly schedule: Schedule;
}

type LoadHost = Pick<Host, "cwd"> & Partial<Pick<Host, "env">>;

/**
 * The absolute path of a schedule file. Its directory is as the user entered it (`pwd -L`), because that name stays the
 * same when a link leads to a new release.
 */
function namedPath(file: string, { cwd, env }: LoadHost): string {
  const path = resolve(cwd, file);
  const entered = env?.["PWD"];
  if (entered === undefined || !isAbsolute(entered)) return path;
  const named = resolve(entered, file);
  return named !== path && compareFiles(named, path) === "same" ? named : path;
}

/**
 * Reads and checks a schedule file.
 *
 * @param file relative to the working directory
 * @throws BadScheduleError with all its problems; SchedError (66) if there is no such file; StoreError
 */
export async function loadValid(file: string, host: LoadHost): Promise<ValidSchedule> {
  const checked = await checkScheduleFile(file, host);
  if (checked.schedule === undefined) throw new BadScheduleError(file, checked.diagnostics);
  return { ...checked, file, schedule: checked.schedule };
}

/** Like `loadValid`, but returns only the schedule. */
export async function loadSchedule(file: string, host: LoadHost): Promise<Schedule> {
  return (await loadValid(file, host)).schedule;
}

/** Like `loadValid`, but returns the diagnostics of a bad schedule too. */
export async function checkScheduleFile(file: string, host: LoadHost): Promise<CheckedSchedule> {
  const path = namedPath(file, host);
  assertPlainPath("the schedule file", path);
  const bytes = readStart(file, path);
  if (bytes.length > MAX_BYTES) {
    return rejected({
      file,
      message: "the file is larger than 1 MiB",
      hint: "Check that it is a schedule file: 500 pipelines take about 50 kB.",
    });
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) return rejected({ file, ...firstInvalidByte(bytes) });
  return parseSchedule(text, { file, path, bytes });
}

const rejected = (
  diagnostic: Pick<PlacedDiagnostic, "file" | "message" | "hint"> & Partial<PlacedDiagnostic>,
): CheckedSchedule => ({
  schedule: undefined,
  diagnostics: [{ line: 1, column: 1, path: "", severity: "error", ...diagnostic }],
  place: () => [],
});

/**
 * Reads at most one byte more than the limit, because the path may name a device or a pipe. Synchronous, because loading
 * node:fs/promises takes longer than reading a schedule.
 */
function readStart(file: string, path: string): Buffer {
  try {
    assertNotNamedPipe(path);
    const fd = openSync(path, "r");
    try {
      return readUpTo(fd, MAX_BYTES + 1);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw cause instanceof SchedError ? cause : readError(file, path, cause);
  }
}

/** The directories of the pipes that a shell opens: `<(…)` is /dev/fd/63, and the standard input is /dev/stdin. */
const OPEN_PIPES = /^\/(?:dev|proc)\//;

/** Opening a FIFO in a directory waits for a process that writes to it, which may be for ever. */
function assertNotNamedPipe(path: string): void {
  if (OPEN_PIPES.test(path) || !statSync(path).isFIFO()) return;
  const hint = "Name a regular file, or let the shell open a pipe: `<(…)` or /dev/stdin.";
  throw new SchedError(`${path} is a FIFO`, { exitCode: EXIT.noInput, hint });
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

function readError(file: string, path: string, cause: unknown): SchedError {
  const code = errorCode(cause);
  if (code === "ENOENT" || code === "ENOTDIR") {
    const hint = "Name the schedule file. The default is schedule.yml in the working directory.";
    return new SchedError(`no such file: ${path}`, { exitCode: EXIT.noInput, hint, cause });
  }
  if (code === "EISDIR") {
    const hint = `Name a file in it, such as ${file.replace(/\/+$/, "")}/schedule.yml.`;
    return new SchedError(`${path} is a directory`, { exitCode: EXIT.noInput, hint, cause });
  }
  return ioError("read", path, cause);
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Position of the first invalid byte, found by bisecting for the longest prefix that decodes. */
function firstInvalidByte(bytes: Uint8Array): Pick<PlacedDiagnostic, "line" | "column" | "message" | "hint"> {
  let good = 0;
  let bad = bytes.length;
  const decoder = (end: number): string | undefined => {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, end), {
        stream: true,
      });
    } catch {
      return undefined;
    }
  };
  while (good + 1 < bad) {
    const middle = (good + bad) >> 1;
    if (decoder(middle) === undefined) bad = middle;
    else good = middle;
  }
  // A sequence that has begun before `good` may be the invalid one: the decoder keeps its bytes back.
  const text = decoder(good) ?? "";
  good = Buffer.byteLength(text);
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  const wide = bytes[0] === 0xff || bytes[0] === 0xfe;
  const byte = (bytes[good] ?? 0).toString(16).padStart(2, "0");
  return {
    line: lines.length,
    column: (lines.at(-1)?.length ?? 0) + 1,
    message: wide ? "the file is encoded as UTF-16" : `the byte 0x${byte} is not valid UTF-8`,
    hint: "Save the file as UTF-8.",
  };
}
