import { constants } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import type { FoundRun } from "../../control/find-run.ts";
import { errorCode } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { lstat, type OpenFile, open } from "../../storage/fs.ts";
import { runLogFile, type StatePaths } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";
import { writeWithBackpressure } from "../../system/output-stream.ts";
import { showControlCharacters } from "../../text/control-characters.ts";

/** Writes a part of a log. @returns `false` if the reader has gone */
export type WriteLog = (bytes: Uint8Array) => Promise<boolean>;

const CHUNK = 65_536;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;

/**
 * Creates a function that writes parts of a log to stdout. A log is untrusted text, so its control characters are made
 * visible on a terminal. A file or a pipe gets the bytes unchanged.
 */
export function logWriter(stdout: Host["stdout"]): WriteLog {
  const passOn = writeWithBackpressure(stdout);
  if (stdout.isTTY !== true) return passOn;
  const decoder = new StringDecoder("utf8");
  return (bytes) => passOn(showControlCharacters(decoder.write(Buffer.from(bytes)), false));
}

/** Opens a log; `undefined` if it does not exist. */
export async function openLog(path: string): Promise<OpenFile | undefined> {
  try {
    return await open(path, FLAGS);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw ioError("read", path, error);
  }
}

/** Writes a file from a position to its end. @returns the new position; `undefined` if the reader has gone */
export async function writeRest(file: OpenFile, position: number, write: WriteLog): Promise<number | undefined> {
  for (let at = position; ; ) {
    const bytes = await file.readAt(at, CHUNK);
    if (bytes.length === 0) return at;
    if (!(await write(bytes))) return undefined;
    at += bytes.length;
  }
}

/** Whether a log exists. */
export async function hasLog(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw ioError("read", path, error);
  }
}

/** A longer line is cut. */
const LONGEST_LINE = 65_536;

/** The lines of a log; none if it does not exist. */
export async function* linesOf(path: string): AsyncGenerator<string> {
  const file = await openLog(path);
  if (file === undefined) return;
  const decoder = new StringDecoder("utf8");
  try {
    let rest = "";
    for (let at = 0; ; ) {
      const bytes = await file.readAt(at, CHUNK);
      if (bytes.length === 0) break;
      at += bytes.length;
      const lines = `${rest}${decoder.write(bytes)}`.split("\n");
      rest = (lines.pop() ?? "").slice(0, LONGEST_LINE);
      yield* lines;
    }
    if (rest !== "") yield rest;
  } finally {
    await file.close();
  }
}

/** The path of the log of one attempt. It is computed, because another host may have mounted the directory elsewhere. */
export const attemptLog = (paths: StatePaths, { id, startedAt, entry }: FoundRun, attempt: number): string =>
  runLogFile(paths, entry, { id, startedAt, attempt });

/** The logs of a run, one for each attempt, whether they exist or not. A running run has at least one. */
export async function logsOf(paths: StatePaths, run: FoundRun): Promise<readonly string[]> {
  const { record } = run;
  const attempts = record?.attempts?.map(({ log }) => log) ?? (record === undefined ? undefined : [record.log]);
  if (attempts !== undefined) {
    return attempts.flatMap((log, index) => (log === undefined ? [] : [attemptLog(paths, run, index + 1)]));
  }
  const logs = [attemptLog(paths, run, 1)];
  for (;;) {
    const next = attemptLog(paths, run, logs.length + 1);
    if (!(await hasLog(next))) return logs;
    logs.push(next);
  }
}
