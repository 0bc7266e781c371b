import { constants } from "node:fs";
import { retentionOf } from "../../installed/decode-later.ts";
import type { StoredSchedule } from "../../installed/schedule.ts";
import { type OpenFile, open } from "../../storage/fs.ts";
import type { RunLog } from "./output.ts";

/**
 * Limits the size of a log while a pipeline writes to it. The pipeline writes directly into the file, so no output is
 * lost if the run is killed. The run shortens the file while it is in use: the file is open for appending, so the next
 * write of the pipeline goes to the new end.
 */

/** The beginning of the note between the two parts of a shortened log. */
export const NOTE_BEGIN = "\n[pipelinewise-sched: ";
const NOTE = /^\n\[pipelinewise-sched: (\d+) bytes were left out here/;
/** The note has a fixed length, so that a new one fits in the place of an old one. */
const NOTE_BYTES = 128;

const renderNote = (bytes: number): Buffer =>
  Buffer.from(
    `${`${NOTE_BEGIN}${bytes} bytes were left out here, because the log reached log_size]`.padEnd(NOTE_BYTES - 1)}\n`,
  );

/** Less than the part that is left out of the smallest log, so that nothing is overwritten before it is copied. */
const CHUNK = 131_072;

/** The start of the first line that begins after a position; the position itself if no line begins near it. */
async function lineStart(file: OpenFile, position: number): Promise<number> {
  const newline = (await file.readAt(position, CHUNK)).indexOf("\n");
  return newline === -1 ? position : position + newline + 1;
}

/**
 * Shortens a log that is larger than `maxBytes` to its first half, a note, and its last quarter. No step removes anything
 * that is to stay, so a process that is killed here leaves a log with its beginning and its end. This also works on a
 * full disk, because it only overwrites existing bytes.
 *
 * A line that the pipeline writes between the last read and the truncation is lost. This takes microseconds on a local
 * disk, and one request to the server on a network file system.
 */
export async function shortenLog(path: string, maxBytes: number): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const { size } = await file.stat();
    if (size <= maxBytes) return;
    const noteAt = Math.floor(maxBytes / 2);
    let from = await lineStart(file, size - Math.floor(maxBytes / 4));
    let to = noteAt + NOTE_BYTES;
    const note = NOTE.exec((await file.readAt(noteAt, NOTE_BYTES)).toString("latin1"));
    const leftOut = note === null ? from - noteAt : Number(note[1]) + from - to;
    const copyToEnd = async () => {
      for (;;) {
        const chunk = await file.readAt(from, CHUNK);
        if (chunk.length === 0) return;
        await file.writeAt(to, chunk);
        from += chunk.length;
        to += chunk.length;
        // Lets this process write its heartbeat.
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await copyToEnd();
    await file.writeAt(noteAt, renderNote(leftOut));
    await copyToEnd();
    await file.truncate(to);
  } finally {
    await file.close();
  }
}

const CHECK_MS = 1_000;

/** Limits the size of a log from now on. */
export interface LogLimit {
  /** Checks the size for the last time. Call it when nothing writes to the log any more. */
  end(): Promise<void>;
}

/**
 * Shortens a log whenever it is larger than the retention of its schedule allows.
 *
 * @param onFault called if the log cannot be shortened, once in a row of equal errors
 */
export function limitLogSize(
  { path, file }: RunLog,
  schedule: Pick<StoredSchedule, "name" | "retention">,
  onFault: (error: unknown) => void,
): LogLimit {
  const maxBytes = retentionOf(schedule)?.logBytes ?? Number.POSITIVE_INFINITY;
  let known: string | undefined;
  const check = async () => {
    try {
      if ((await file.stat()).size > maxBytes) await shortenLog(path, maxBytes);
      known = undefined;
    } catch (error) {
      if (String(error) !== known) onFault(error);
      known = String(error);
    }
  };
  let checking: Promise<void> | undefined;
  const timer = setInterval(() => {
    checking ??= check().finally(() => {
      checking = undefined;
    });
  }, CHECK_MS);
  return {
    async end() {
      clearInterval(timer);
      await checking;
      await check();
    },
  };
}
